"""The log of a program that runs, on its way to CloudWatch Logs."""

import time

from local.credentials import administrator
from local.logs import LogStream
from local.tests.aws import Aws, unique


def test_a_program_that_says_much_does_not_wait_for_its_log(aws: Aws) -> None:
    group = unique("group")
    began = time.monotonic()
    with LogStream(administrator(), group, "stream") as log:
        for number in range(9_900):
            log.write(str(number))
    assert time.monotonic() - began < 20  # a call for each would take longer
    assert aws.log(group, "stream")[-1] == "9899"
