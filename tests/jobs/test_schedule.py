"""When a running job is polled next, and when an assistant should check again."""

from __future__ import annotations

import pytest

from seedance_mcp.jobs.schedule import after_error, check_again_in, expected, next_poll

QUICK = [40.0, 50.0, 60.0, 70.0, 80.0]
"""Durations with a median of 60 s and a 90th percentile of 84 s."""


def test_before_five_durations_are_known_the_defaults_are_expected() -> None:
    assert expected([]) == (95.0, 180.0)
    assert expected(QUICK[:4]) == (95.0, 180.0)


def test_with_five_durations_their_median_and_90th_percentile_are_expected() -> None:
    assert expected(QUICK) == (60.0, pytest.approx(84.0))
    assert expected([*range(1, 100)]) == (50.0, 90.0)


@pytest.mark.parametrize(
    ("elapsed", "pause"),
    [
        (0.0, 47.5),  # half the median
        (10.0, 37.5),
        (47.0, 0.5),
        (47.5, 5.0),  # from then on every 5 s
        (100.0, 5.0),
        (179.9, 5.0),
        (180.0, 10.8),  # later than 9 of 10 videos: 6 % of the elapsed time
        (200.0, 12.0),
        (250.0, 15.0),
        (251.0, 15.0),  # at most 15 s
        (36_000.0, 15.0),
    ],
)
def test_a_job_is_polled_at_half_its_expected_time_then_steadily_then_less_often(elapsed: float, pause: float) -> None:
    assert next_poll(elapsed, [], 0.0) == pytest.approx(pause)


@pytest.mark.parametrize(("elapsed", "pause"), [(0.0, 30.0), (29.0, 1.0), (30.0, 5.0), (83.9, 5.0), (84.0, 5.04)])
def test_the_durations_of_the_model_count_once_there_are_enough(elapsed: float, pause: float) -> None:
    assert next_poll(elapsed, QUICK, 0.0) == pytest.approx(pause)


def test_a_quick_model_is_polled_at_least_every_5_seconds_even_when_it_is_late() -> None:
    assert next_poll(20.0, [1.0, 2.0, 3.0, 4.0, 5.0], 0.0) == 5.0


@pytest.mark.parametrize(("jitter", "pause"), [(-1.0, 4.0), (0.5, 5.5), (1.0, 6.0)])
def test_chance_changes_a_pause_by_up_to_a_fifth(jitter: float, pause: float) -> None:
    assert next_poll(100.0, [], jitter) == pytest.approx(pause)


def test_a_pause_is_never_shorter_than_a_tenth_of_a_second() -> None:
    assert next_poll(47.499, [], 0.0) == 0.1
    assert next_poll(47.499, [], -1.0) == 0.1


@pytest.mark.parametrize(
    ("errors", "pause"),
    [(0, 1.0), (1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (33, 60.0), (10**9, 60.0)],
)
def test_the_pause_after_errors_doubles_up_to_a_minute(errors: int, pause: float) -> None:
    assert after_error(errors, None) == pause


def test_the_first_and_the_longest_pause_after_errors_can_be_set() -> None:
    assert [after_error(n, None, first=0.5, longest=3.0) for n in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 3.0]
    assert after_error(10**9, None, first=0.5, longest=1e12) == 0.5 * 2**32


@pytest.mark.parametrize(("asked", "pause"), [(0.0, 0.0), (5.0, 5.0), (599.0, 599.0), (600.0, 600.0), (601.0, 600.0)])
def test_a_pause_that_the_vendor_asks_for_wins_up_to_ten_minutes(asked: float, pause: float) -> None:
    assert after_error(1, asked) == pause
    assert after_error(7, asked) == pause


@pytest.mark.parametrize(
    ("elapsed", "seconds"),
    [
        (0.0, 50),  # at most as long as one check may wait
        (44.9, 50),
        (45.0, 50),
        (46.0, 49),
        (60.4, 35),  # when the video should be finished
        (60.6, 34),
        (90.0, 5),
        (91.0, 5),  # at least 5 s
        (1000.0, 5),
    ],
)
def test_another_check_is_worth_it_about_when_the_video_should_be_finished(elapsed: float, seconds: int) -> None:
    answer = check_again_in(elapsed, 95.0, 50)
    assert (answer, type(answer)) == (seconds, int)


def test_a_slow_model_is_polled_later_until_its_own_durations_are_known() -> None:
    assert expected([], (275, 480)) == (275, 480)
    assert next_poll(0, [], 0, (275, 480)) == 137.5
    assert next_poll(300, [], 0, (275, 480)) == 5.0
    assert expected([60.0] * 5, (275, 480)) == (60, 60)
