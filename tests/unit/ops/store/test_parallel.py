"""The mapper that runs one item after the other keeps the promise that all mappers give."""

from ops.store.parallel import SerialMapper


def test_an_exception_is_a_result_and_ends_no_other_item() -> None:
    def half(number: int) -> float:
        if number == 2:
            raise ValueError("odd one out")
        return number / 2

    found = list(SerialMapper().map(half, [1, 2, 3]))
    assert [item for item, _ in found] == [1, 2, 3]
    assert found[0][1] == 0.5 and found[2][1] == 1.5
    assert isinstance(found[1][1], ValueError)


def test_work_starts_when_it_is_asked_for() -> None:
    done: list[int] = []
    results = SerialMapper().map(done.append, [1, 2])
    assert done == []
    next(results)
    assert done == [1]
