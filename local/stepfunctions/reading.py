"""How a definition is read: by moto's parser, whose slow ways are done in quicker ones here.

One of 350 states took seconds, and half a second more for each of its executions: more than all
else that creates the project's stack or runs its workflows.
"""

import re
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from antlr4 import CommonTokenStream, InputStream, ParserRuleContext, Token
from antlr4.atn.PredictionMode import PredictionMode
from antlr4.error.Errors import ParseCancellationException
from antlr4.error.ErrorStrategy import BailErrorStrategy
from antlr4.ListTokenSource import ListTokenSource
from antlr4.Token import CommonToken
from moto.stepfunctions.parser.asl.antlr.runtime.ASLLexer import ASLLexer
from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

# What is one token in JSON is one in moto's grammar; anything else is its lexer's to refuse
TOKEN = re.compile(r'\s*("(?:[^"\\\x00-\x1f]|\\.)*"|[\[\]{}:,]|-?\d[\d.eE+-]*|true|false|null)')

MOST = 32  # definitions; an update of a machine, unlike its end, leaves the one before
_read: dict[str, Any] = {}  # that which was asked for last at the end
_holding = threading.Lock()


def install() -> None:
    """Put into moto's parser in place of its own."""
    ASLLexer.nextToken = _next_token
    ParserRuleContext.getText = _text
    EvalComponent.heap_key = property(lambda self: str(id(self)))  # type: ignore[assignment]
    AmazonStateLanguageParser.parse = staticmethod(_once(AmazonStateLanguageParser.parse))  # type: ignore[method-assign]


_by_automaton = ASLLexer.nextToken


def _next_token(self: Any) -> Any:
    """The same token by a regular expression: the lexer's automaton goes through each character
    in Python."""
    stream = self._input
    found = TOKEN.match(stream.strdata, stream.index)
    kind = found and _kind(found[1])
    if not found or not kind:
        return _by_automaton(self)
    begin, end = found.span(1)
    lines = stream.strdata[stream.index : begin].split("\n")
    if len(lines) > 1:
        self._interp.line, self._interp.column = self._interp.line + len(lines) - 1, 0
    self._interp.column += len(lines[-1])
    made = self._factory.create(
        self._tokenFactorySourcePair,
        *(kind, None, Token.DEFAULT_CHANNEL, begin, end - 1),
        *(self._interp.line, self._interp.column),
    )
    self._interp.column += end - begin  # there is no line break in a token of JSON
    stream._index = end  # its own `seek` asks twice for each character
    return made


@lru_cache(4096)
def _kind(text: str) -> int:
    """Of a token, as the lexer names it; 0 where that takes it for something else than one."""
    lexer = ASLLexer(InputStream(text))
    lexer.removeErrorListeners()
    first = _by_automaton(lexer)
    return int(first.type) if first.stop == len(text) - 1 else 0


def _text(self: Any) -> str:
    """All words below a node: ANTLR's asks every node below it for its own."""
    below = _words(self)[self.start.tokenIndex : self.stop.tokenIndex + 1]
    return "".join(one.text for one in below)


def _once(original: Callable[[str], Any]) -> Any:
    """The steps that are made of a definition are kept, for all its executions: running one changes
    none of them, since `heap_key` is no longer laid into it on the way. moto, too, has one set of
    them for all rounds of a Map that run at once."""
    reading = threading.Lock()

    def parse(definition: str) -> Any:
        if (known := _known(definition)) is not None:
            return known
        words = CommonTokenStream(ASLLexer(InputStream(definition)))
        words.fill()
        with reading:
            tree = _tree(tuple(one.type for one in words.tokens))
            if tree is None:
                return original(definition)  # it says what is wrong
            for ours, theirs in zip(_words(tree), words.tokens, strict=True):
                ours.text = theirs.text
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
    source = ListTokenSource([CommonToken(type=kind) for kind in kinds])
    parser = ASLParser(CommonTokenStream(source))
    parser._interp.predictionMode = PredictionMode.SLL
    parser._errHandler = BailErrorStrategy()
    try:
        return parser.state_machine()
    except ParseCancellationException:
        return None


def _words(node: Any) -> list[Any]:
    """Of the whole definition that a node is of."""
    found: list[Any] = node.parser.getTokenStream().tokens
    return found
