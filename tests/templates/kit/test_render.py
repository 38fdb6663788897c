from typing import Any

import pytest
from troposphere import Base64, Equals, If, Join, Output, Ref, Select, Split, Sub
from troposphere.iam import Role
from troposphere.s3 import Bucket
from troposphere.sns import Topic

from templates.kit.render import Book, render
from tests.templates.reading import read

AWKWARD = [
    "plain",
    "2012-10-17",
    "yes",
    "No",
    "null",
    "0123",
    "1e3",
    "",
    " leading",
    "trailing ",
    "colon: space",
    "ends:",
    "hash # comment",
    "it's",
    'say "hi"',
    "* star",
    "{brace}",
    "[bracket]",
    "%percent",
    "@at",
    "`tick",
    "two\nlines",
    "two\nlines\n",
    "  indented\nlines\n",
    "blank\n\nline\n",
    "ends twice\n\n",
    "trail \nblank\n",
    "tab\there",
    "back\\slash",
    "umlaut ü",
    "-",
    "- dash",
    "? key",
    "a, b",
]


@pytest.mark.parametrize("text", AWKWARD)
def test_text_survives_as_it_is(text: str) -> None:
    book = Book("test")
    book.add_output(Output("Text", Value=text))
    assert read(render(book))["Outputs"]["Text"]["Value"] == text


@pytest.mark.parametrize(
    "value",
    [
        Ref("AWS::Region"),
        Sub("${A}-b", A=Ref("AWS::Region")),
        Join("-", ["a, b", Ref("AWS::Region")]),
        Select(0, Split("/", Ref("AWS::StackId"))),
        If("C", "[a", Sub("x{y")),
        Base64(Sub("two\nlines ${AWS::Region}\n")),
    ],
)
def test_functions_survive_in_short_form(value: Any) -> None:
    book = Book("test")
    book.add_condition("C", Equals(Ref("AWS::Region"), "eu-west-1"))
    book.add_output(Output("Function", Value=value))
    text = render(book)
    assert read(text)["Outputs"]["Function"]["Value"] == value.to_dict()
    assert "!" in text


def test_a_resource_reads_type_first() -> None:
    book = Book("test")
    book.add_resource(Topic("Topic", DisplayName="x", DeletionPolicy="Retain"))
    lines = render(book).splitlines()
    at = lines.index("  Topic:")
    expected = ["    Type: AWS::SNS::Topic", "    DeletionPolicy: Retain", "    Properties:"]
    assert lines[at + 1 : at + 4] == expected


def test_an_attribute_without_a_place_is_refused_instead_of_lost() -> None:
    book = Book("test")
    book.add_resource(Bucket("Bucket", UpdatePolicy={"x": 1}))
    with pytest.raises(ValueError, match=r"UpdatePolicy.* of Bucket"):
        render(book)


def test_one_object_in_two_places_needs_no_anchor() -> None:
    book = Book("test")
    shared = {"Version": "x", "Statement": [{"Effect": "Allow"}]}
    for title in ("One", "Two"):
        book.add_resource(Role(title, AssumeRolePolicyDocument=shared))
    assert "&" not in render(book)


def test_a_chapter_stands_before_its_first_resource() -> None:
    book = Book("test")
    book.add_resource(Topic("First"))
    book.chapter("Second part")
    book.add_resource(Topic("Second"))
    text = render(book)
    assert text.index("  First:") < text.index("# ---------- Second part") < text.index("  Second:")
