from typing import Any

import pytest
from troposphere import Base64, Equals, If, Join, Output, Parameter, Ref, Select, Split, Sub
from troposphere.iam import Role
from troposphere.policies import CreationPolicy, ResourceSignal, UpdatePolicy
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


def test_every_section_of_a_template_is_written() -> None:
    """troposphere hands on each that it was given (Template sections, CloudFormation)."""
    book = Book("test")
    book.set_transform("AWS::LanguageExtensions")
    book.set_metadata({"Reason": "x"})
    book.add_parameter(Parameter("Size", Type="String"))
    book.add_rule("Rule", {"Assertions": [{"Assert": Equals("a", "a")}]})
    book.add_mapping("Map", {"a": {"b": "c"}})
    book.add_condition("C", Equals("a", "b"))
    book.add_resource(Topic("Topic"))
    book.add_output(Output("Name", Value="x"))
    document = read(render(book))
    assert document == book.to_dict()
    assert len(document) == 10


def test_every_attribute_of_a_resource_is_written() -> None:
    """Resource attribute reference, CloudFormation."""
    book = Book("test")
    attributes = {
        "Condition": "C",
        "CreationPolicy": CreationPolicy(ResourceSignal=ResourceSignal(Count=1)),
        "DeletionPolicy": "Retain",
        "DependsOn": ["Other"],
        "Metadata": {"Reason": "x"},
        "UpdatePolicy": UpdatePolicy(UseOnlineResharding=True),
        "UpdateReplacePolicy": "Retain",
    }
    book.add_resource(Topic("Topic", DisplayName="x", **attributes))
    written = read(render(book))["Resources"]["Topic"]
    assert written.keys() == attributes.keys() | {"Type", "Properties"}
    assert written == book.to_dict()["Resources"]["Topic"]


class Extended(Book):
    """A template with a section that nobody knows."""

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "Resorces": {}}


def test_a_section_that_is_none_is_refused_instead_of_lost() -> None:
    with pytest.raises(ValueError, match="knows no Resorces in the template"):
        render(Extended("test"))


def test_an_attribute_that_is_none_is_refused_instead_of_lost() -> None:
    book = Book("test")
    book.add_resource(Topic("Topic")).resource["Policy"] = "Retain"
    with pytest.raises(ValueError, match="knows no Policy in Topic"):
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
