from MambaMIMLib.Lines import Lines


def test_letters_that_come_in_pieces_are_whole():
    data = "Leber Ł\r\nMilz 脾\nrest".encode()
    for size in (1, 2, 3, 7):
        lines = Lines()
        found = [line for i in range(0, len(data), size) for line in lines.add(data[i : i + size])]
        assert found == ["Leber Ł", "Milz 脾"]


def test_the_last_lines_are_kept_the_open_one_too():
    lines = Lines(keep=2)
    lines.add(b"one\ntwo\nthree")
    assert lines.all() == ["two", "three"]
    lines.add(b"\nfour\n")
    assert lines.all() == ["three", "four"]
    assert Lines().all() == []


def test_what_is_no_text_is_dropped_in_the_end():
    lines = Lines()
    for _ in range(50):
        assert lines.add(b"\xff" * 100_000) == []
    assert lines.add(b"\nline\n")[-1] == "line"
    assert len(lines._rest) == 0
