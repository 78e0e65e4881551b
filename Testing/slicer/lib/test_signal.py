import logging

from MambaMIMLib.Signal import Signal


def test_receivers_are_called_in_order_and_once(app):
    signal, heard = Signal(), []

    def first(value):
        heard.append(("first", value))

    signal.connect(first)
    signal.connect(lambda value: heard.append(("second", value)))
    signal.connect(first)
    signal(3)
    assert heard == [("first", 3), ("second", 3)]


def test_methods_can_be_disconnected(app):
    class Receiver:
        def __init__(self):
            self.heard = []

        def hear(self, *values):
            self.heard.append(values)

    signal, receiver = Signal(), Receiver()
    signal.connect(receiver.hear)
    signal.disconnect(receiver.hear)
    signal.disconnect(receiver.hear)
    signal()
    assert receiver.heard == []


def test_an_error_in_one_receiver_does_not_keep_the_others_from_hearing(app, caplog):
    signal, heard, patient = Signal(), [], "Ann Smith"

    def broken(value):
        raise ValueError(patient)

    signal.connect(broken)
    signal.connect(heard.append)
    with caplog.at_level(logging.ERROR, "MambaMIM"):
        signal(1)
    assert heard == [1]
    assert "ValueError" in caplog.text
    assert "test_signal.py" in caplog.text
    assert patient not in caplog.text


def test_connecting_while_it_is_sent_counts_from_the_next_time(app):
    signal, heard = Signal(), []
    signal.connect(lambda: signal.connect(lambda: heard.append(1)))
    signal()
    assert heard == []
