"""Rate limits: the permitted number, no more, whoever asks how often."""

from mailcrm.ingest.rate import RateLimit

START = 1_000_000_800.0  # the beginning of an hour


def test_it_allows_the_limit_and_refuses_the_next() -> None:
    rate = RateLimit(3)
    assert [rate.allow("a", START + second) for second in range(5)] == [True, True, True, False, False]


def test_each_key_has_its_own_count() -> None:
    rate = RateLimit(1)
    assert rate.allow("a", START)
    assert rate.allow("b", START)
    assert not rate.allow("a", START)


def test_the_window_slides_and_does_not_begin_anew_at_the_full_hour() -> None:
    rate = RateLimit(10)
    late = START - START % 3600 + 3599
    assert all(rate.allow("a", late) for _ in range(10))
    assert not rate.allow("a", late + 2)
    assert sum(rate.allow("a", late + 1801) for _ in range(20)) in (4, 5)
    assert sum(rate.allow("a", late + 3 * 3600) for _ in range(20)) == 10


def test_refused_uses_are_not_counted_so_that_a_busy_key_still_gets_its_share() -> None:
    rate = RateLimit(10)
    allowed = sum(rate.allow("a", START + second) for second in range(0, 36_000, 10))
    assert 90 <= allowed <= 110


def test_a_limit_of_nothing_means_no_limit() -> None:
    rate = RateLimit(0)
    assert all(rate.allow("a", START) for _ in range(1000))
    assert len(rate) == 0


def test_it_remembers_a_bounded_number_of_keys_and_forgets_the_least_used() -> None:
    rate = RateLimit(1, max_keys=100)
    assert rate.allow("regular", START)
    for number in range(1000):
        rate.allow(f"stranger {number}", START)
        assert not rate.allow("regular", START)
    assert len(rate) == 100


def test_a_clock_set_back_does_not_reset_the_count() -> None:
    rate = RateLimit(2)
    assert rate.allow("a", START)
    assert rate.allow("a", START - 7200)
    assert not rate.allow("a", START - 7200)
