"""How a definition is read: by moto's parser, whose slow ways are done in quicker ones here.

One of 350 states took seconds, and half a second more for each of its executions: more than all
else that creates the project's stack or runs its workflows.
"""

import re
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from antlr4 import InputStream, ParserRuleContext, Token
from antlr4.atn.PredictionMode import PredictionMode
from antlr4.BufferedTokenStream import BufferedTokenStream
from antlr4.error.Errors import ParseCancellationException
from antlr4.error.ErrorStrategy import BailErrorStrategy
from antlr4.Token import CommonToken
from moto.stepfunctions.parser.asl.antlr.runtime.ASLLexer import ASLLexer
from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

# What is one token in JSON is one in moto's grammar; anything else is its lexer's to refuse
TOKEN = re.compile(r'\s*("(?:[^"\\\x00-\x1f]|\\.)*"|[\[\]{}:,]|-?\d[\d.eE+-]*|true|false|null)')
# A string that is nothing else in that grammar, unless it is one of its own words
PLAIN = re.compile(r'"(?!\$|States\.|\{%)[^"\\]*(?<!\.\$)"')
OWN = {name.strip("'") for name in ASLLexer.literalNames}

MOST = 32  # definitions; an update of a machine, unlike its end, leaves the one before
_read: dict[str, Any] = {}  # that which was asked for last at the end
_holding = threading.Lock()


def install() -> None:
    """Put into moto's parser in place of its own."""
    ParserRuleContext.getText = _text
    EvalComponent.heap_key = property(lambda self: str(id(self)))  # type: ignore[assignment]
    AmazonStateLanguageParser.parse = staticmethod(_once(AmazonStateLanguageParser.parse))  # type: ignore[method-assign]


def words(definition: str) -> list[str] | None:
    """Of a definition by a regular expression, as the lexer's automaton finds them, which goes
    through each character in Python; None where something is no word of JSON."""
    found, end = list[str](), 0
    for each in iter(TOKEN.scanner(definition).match, None):  # type: ignore[attr-defined]
        found.append(each[1])
        end = each.end()
    return None if definition[end:].strip() else found


def kind(word: str) -> int:
    """Of a word, as the lexer names it; 0 where that takes it for something else than one."""
    plain = PLAIN.fullmatch(word) and word not in OWN
    return ASLLexer.STRING if plain else _by_automaton(word)


@lru_cache(4096)
def _by_automaton(word: str) -> int:
    lexer = ASLLexer(InputStream(word))
    lexer.removeErrorListeners()
    first = lexer.nextToken()
    return int(first.type) if (first.start, first.stop) == (0, len(word) - 1) else 0


def _text(self: Any) -> str:
    """All words below a node: ANTLR's asks every node below it for its own."""
    below = _tokens(self)[self.start.tokenIndex : self.stop.tokenIndex + 1]
    return "".join(one.text for one in below)


def _once(original: Callable[[str], Any]) -> Any:
    """The steps that are made of a definition are kept, for all its executions: running one changes
    none of them, since `heap_key` is no longer laid into it on the way. moto, too, has one set of
    them for all rounds of a Map that run at once."""
    reading = threading.Lock()

    def parse(definition: str) -> Any:
        if (known := _known(definition)) is not None:
            return known
        found = words(definition) or []
        with reading:
            tree = _tree(tuple(map(kind, found)))
            if tree is None:
                return original(definition)  # it says what is wrong
            for token, word in zip(_tokens(tree), [*found, "<EOF>"], strict=True):
                token.text = word
            steps = Preprocessor().visit(tree), None  # nobody asks for the tree
            _keep(definition, steps)
            return steps

    return parse


def _known(definition: str) -> Any:
    with _holding:
        steps = _read.pop(definition, None)
        if steps is not None:
            _read[definition] = steps
        return steps


def _keep(definition: str, steps: Any) -> None:
    with _holding:
        _read[definition] = steps
        if len(_read) > MOST:
            del _read[next(iter(_read))]


def forget(definition: str) -> None:
    """The steps of a definition that no machine has any more: they take megabytes."""
    with _holding:
        _read.pop(definition, None)


@lru_cache(32)
def _tree(kinds: tuple[int, ...]) -> Any:
    """Of all definitions whose words are of these kinds, as those of two stacks are: moto's grammar
    looks at nothing else. None where ANTLR's quick way, SLL, finds an error; it finds no other tree
    than the slow one (PredictionMode.SLL, antlr4)."""
    parser = ASLParser(_Tokens(kinds))
    parser._interp.predictionMode = PredictionMode.SLL
    parser._errHandler = BailErrorStrategy()
    try:
        return parser.state_machine()
    except ParseCancellationException:
        return None


class _Tokens(BufferedTokenStream):
    """All there and none hidden; ANTLR's own stream looks for each whether it is, at each step."""

    def __init__(self, kinds: tuple[int, ...]) -> None:
        super().__init__(None)
        self.tokens = [CommonToken(type=each) for each in (*kinds, Token.EOF)]
        for number, each in enumerate(self.tokens):
            each.tokenIndex = number
        self.index, self.fetchedEOF = 0, True

    def LT(self, k: int) -> Any:
        return self.tokens[self.index + k - (k > 0)]

    def consume(self) -> None:
        self.index += 1

    def seek(self, index: int) -> None:
        self.index = index


def _tokens(node: Any) -> list[Any]:
    """Of the whole definition that a node is of."""
    found: list[Any] = node.parser.getTokenStream().tokens
    return found
