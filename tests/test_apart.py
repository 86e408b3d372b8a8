"""Work in other processes: answers in order, and only the item that ends its process fails."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcrm.apart import Apart, Ended


def _double(number: int) -> int:
    if number == 13:
        raise ValueError("unlucky")
    if number == 99:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def _process(_: int) -> int:
    return os.getpid()


@pytest.fixture(params=[0, 1, 2])
def doubling(request: pytest.FixtureRequest) -> Iterator[Apart[int, int]]:
    apart: Apart[int, int] = Apart(_double, request.param)
    yield apart
    apart.close()


def test_answers_come_in_order_and_an_error_is_one_items(doubling: Apart[int, int]) -> None:
    answers = doubling.start([*range(20)]).answers()
    assert answers[:13] + answers[14:] == [2 * n for n in range(20) if n != 13]
    assert isinstance(answers[13], ValueError)
    assert doubling.start([]).answers() == []


def test_two_groups_may_be_begun_before_the_first_is_asked_for(doubling: Apart[int, int]) -> None:
    first, second = doubling.start([1, 2]), doubling.start([3])
    assert second.answers() == [6]
    assert first.answers() == [2, 4]


@pytest.mark.parametrize("processes", [1, 2])
def test_an_item_that_ends_its_process_takes_no_other_with_it(processes: int) -> None:
    apart: Apart[int, int] = Apart(_double, processes)
    try:
        killed, behind = apart.start([1, 99, 2]), apart.start([3, 4])
        answers = killed.answers()
        assert (answers[0], answers[2]) == (2, 4)
        assert isinstance(answers[1], Ended)
        assert behind.answers() == [6, 8]
    finally:
        apart.close()


def _is_odd(number: int) -> bool:
    return number % 2 == 1


def test_what_is_large_goes_by_a_file_of_which_nothing_is_left(tmp_path: Path) -> None:
    apart: Apart[int, int] = Apart(_double, 1, _is_odd, tmp_path)
    try:
        answers = apart.start([2, 1, 13, 4, 6, 99, 3]).answers()
        assert answers[:2] + answers[3:5] + answers[6:] == [4, 2, 8, 12, 6]
        assert isinstance(answers[2], ValueError)
        assert isinstance(answers[5], Ended)
        assert list(tmp_path.iterdir()) == []
    finally:
        apart.close()


def test_what_is_large_goes_by_the_queue_where_there_is_no_room_for_a_file(tmp_path: Path) -> None:
    apart: Apart[int, int] = Apart(_double, 1, _is_odd, tmp_path / "nowhere")
    try:
        assert apart.start([1, 2, 13]).answers()[:2] == [2, 4]
    finally:
        apart.close()


def test_the_work_is_done_elsewhere_unless_no_process_is_wanted() -> None:
    here: Apart[int, int] = Apart(_process, 0)
    there: Apart[int, int] = Apart(_process, 1)
    try:
        assert here.start([1]).answers() == [os.getpid()]
        assert not here.is_apart
        assert there.start([1]).answers() != [os.getpid()]
        assert there.is_apart
    finally:
        there.close()
