"""How a definition is read: by moto's parser, whose three slow ways are done in quicker ones here.

One of 200 states took seconds: more than all else that creates the project's stack.
"""

import re
import threading
from functools import lru_cache
from typing import Any

from antlr4 import InputStream, RuleContext, Token
from moto.stepfunctions.parser.asl.antlr.runtime.ASLLexer import ASLLexer
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

# What is one token in JSON is one in moto's grammar; anything else is its lexer's to refuse
TOKEN = re.compile(r'\s*("(?:[^"\\\x00-\x1f]|\\.)*"|[\[\]{}:,]|-?\d[\d.eE+-]*|true|false|null)')


def install() -> None:
    """Put into moto's parser in place of its own."""
    ASLLexer.nextToken = _next_token
    RuleContext.getText = _text
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
    """All words below a node: ANTLR's joins those of each node once for each that is above it."""
    words, left = [], [self]
    while left:
        node = left.pop()
        if isinstance(node, RuleContext):
            left.extend(reversed(list(node.getChildren())))
        else:
            words.append(node.getText())
    return "".join(words)


def _once(original: Any) -> Any:
    """What is read does not change, and is kept. The steps that are made of it belong to one
    execution; those that were made on reading, to the first that asks."""
    unused = threading.local()

    @lru_cache(32)
    def tree(definition: str) -> Any:
        unused.steps, read = original(definition)
        return read

    def parse(definition: str) -> Any:
        unused.steps = None
        read = tree(definition)
        return unused.steps or Preprocessor().visit(read), read

    return parse
