"""The queue before the networks."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest

from vultus.errors import ServerBusy
from vultus.gallery.audit import _actor, acting_as
from vultus.server.inference import ClientGone, Inference
from vultus.server.metrics import Metrics


class Request:
    """A client that waits until `leave` is called."""

    def __init__(self) -> None:
        self._gone = asyncio.Event()

    async def receive(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        self._gone.set()


@pytest.fixture
def inference():
    made = Inference(Metrics(), turns=1, queue=2)
    yield made
    made.close()


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_work_is_done_in_a_thread_on_behalf_of_who_asked(inference):
    async def main():
        with acting_as("porter"):
            return await inference.run(Request(), lambda _: _actor.get())

    assert asyncio.run(main()) == "porter"


def test_what_work_raises_the_request_raises(inference):
    def fail(_cancel):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(inference.run(Request(), fail))


def test_more_than_the_queue_holds_is_refused_and_told_when_to_come_again(inference):
    free = Event()

    async def main():
        tasks = [
            asyncio.ensure_future(inference.run(Request(), lambda _: free.wait(10)))
            for _ in range(3)
        ]
        await asyncio.sleep(0)
        assert inference.waiting == 2
        with pytest.raises(ServerBusy) as refused:
            await inference.run(Request(), lambda _: None)
        assert refused.value.retry_after_s > 0
        free.set()
        assert await asyncio.gather(*tasks) == [True] * 3
        assert inference.waiting == 0
        assert await inference.run(Request(), lambda _: "again") == "again"

    asyncio.run(main())


def test_work_of_a_client_that_has_gone_is_never_begun(inference):
    free, done = Event(), []

    async def main():
        first = asyncio.ensure_future(inference.run(Request(), lambda _: free.wait(10)))
        await asyncio.sleep(0.01)
        client = Request()
        second = asyncio.ensure_future(inference.run(client, lambda _: done.append(1)))
        await asyncio.sleep(0.01)
        client.leave()
        with pytest.raises(ClientGone):
            await second
        free.set()
        await first
        await until(lambda: inference._pending == 0)

    asyncio.run(main())
    assert done == []


def test_work_that_has_begun_stops_between_its_steps(inference):
    began, left, steps = Event(), Event(), []

    def work(cancel):
        began.set()
        left.wait(10)
        cancel.check()
        steps.append("after")

    async def main():
        client = Request()
        task = asyncio.ensure_future(inference.run(client, work))
        await asyncio.to_thread(began.wait, 10)
        client.leave()
        with pytest.raises(ClientGone):
            await task
        assert inference._pending == 1  # the thread is still at it: the place is not free
        left.set()
        await until(lambda: inference._pending == 0)

    asyncio.run(main())
    assert steps == []


def test_cameras_and_requests_take_the_same_turns(inference):
    async def main():
        with inference.budget.turn():
            task = asyncio.ensure_future(inference.run(Request(), lambda _: "done"))
            await asyncio.sleep(0.05)
            assert not task.done()
        assert await task == "done"

    asyncio.run(main())


def test_closing_finishes_what_was_accepted():
    inference = Inference(Metrics(), turns=1, queue=5)
    free = Event()

    async def main():
        tasks = [
            asyncio.ensure_future(inference.run(Request(), lambda _: free.wait(10)))
            for _ in range(3)
        ]
        await asyncio.sleep(0.01)
        closing = asyncio.ensure_future(asyncio.to_thread(inference.close))
        await asyncio.sleep(0.01)
        free.set()
        await closing
        return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == [True] * 3
