"""What the model is shown."""

from voicecli.conversation.context import History, HistoryOptions
from voicecli.providers.language_model import Message


def history(**options):
    return History(HistoryOptions(system="", **options))


def test_heard_words_are_kept():
    talk = history()
    talk.add_user("hello")
    talk.add_assistant("Hi there")
    assert talk.messages == (Message("user", "hello"), Message("assistant", "Hi there"))


def test_unheard_answer_joins_the_questions():
    talk = history()
    talk.add_user("set a timer")
    talk.add_assistant("", interrupted=True)
    assert talk.with_user("for tea")[-1].content == "set a timer for tea"
    talk.add_user("for tea")
    assert [message.content for message in talk.messages] == ["set a timer for tea"]


def test_failed_answer_does_not_join():
    talk = history()
    talk.add_user("one")
    talk.add_assistant("")
    talk.add_user("two")
    assert [message.content for message in talk.messages] == ["one", "two"]


def test_system_message_survives_the_limit():
    talk = History(HistoryOptions(system="be brief", max_messages=2))
    for number in range(5):
        talk.add_user(f"question {number}")
        talk.add_assistant(f"answer {number}")
    shown = talk.with_user("last")
    assert [message.role for message in shown] == ["system", "assistant", "user"]


def test_unheard_announcement_joins_nothing():
    talk = history()
    talk.add_user("one")
    talk.add_assistant("answer")
    talk.add_assistant("", interrupted=True)
    talk.add_user("two")
    assert [message.content for message in talk.messages] == ["one", "answer", "two"]


def test_cancelled_question_is_dropped():
    talk = history()
    talk.add_user("one")
    talk.add_assistant("answer")
    talk.add_user("two")
    talk.drop_question()
    assert talk.with_user("three")[-1].content == "three"
    assert [message.content for message in talk.messages] == ["one", "answer"]


def test_what_was_spoken_over_is_dropped_with_its_end():
    talk = history()
    talk.add_user("set a timer")
    talk.add_assistant("", interrupted=True)
    talk.add_user("for tea")
    talk.drop_question()
    assert talk.messages == ()


def test_cancelling_takes_nothing_that_was_answered():
    talk = history()
    talk.drop_question()
    talk.add_user("one")
    talk.add_assistant("")  # it failed
    talk.drop_question()
    assert [message.content for message in talk.messages] == ["one"]


def test_announcement_in_between_joins_nothing():
    talk = history()
    talk.add_user("one")
    talk.add_assistant("", interrupted=True)
    talk.add_assistant("Your tea is ready.")
    talk.add_user("two")
    assert [message.content for message in talk.messages] == ["one", "Your tea is ready.", "two"]
