"""The run that a view is about to give, and its delivery, from before the view is called.

What both are held to is put together here: the watching, the heartbeat, the client's connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import ClientDisconnected

from .attempts import told_submission
from .call import Call
from .delivery import Answer, Delivery
from .formats import AnyFormat
from .providers.under_way import outside_run
from .run import Calling, ClientLeft, Run
from .server import Connection, Environ
from .watch import Timing, watcher


@contextmanager
def prepared_run(
    call: Call,
    timing: Timing,
    began: float,
    *,
    id: str | None = None,
    calling: Calling = outside_run,
) -> Iterator[Run]:
    """The run that a view is about to give, watched until it is over.

    What the view reads itself, and a generator before its first item, ends as the run would.

    :param call: the view's; what it keeps is the run's once that has opened.
    :param timing: what the watcher holds the run to.
    :param began: when the view was called, on the monotonic clock.
    :param id: the run's.
    :param calling: calls the app's callbacks.
    :raises RunError: time was up, or the worker stops.
    :raises ClientDisconnected: the client has left.
    """
    run = Run(
        callbacks=call.callbacks,
        relays=call.relays,
        sender=call.app,
        name=call.request.endpoint or "-",
        began=began,
        debug=call.app.debug,
        calling=calling,
        id=id,
        submission=told_submission(call.request),
    )
    watcher().watch_run(run, timing)
    try:
        yield run
    except (ClientLeft, GeneratorExit) as error:  # GeneratorExit: of a relay that the view reads
        ending = error if isinstance(error, ClientLeft) else run.ending
        if isinstance(ending, ClientLeft):
            raise ClientDisconnected() from None
        raise ending or error from None
    finally:
        if not run.opened:
            # The run of a view that this one has called may read what this one has begun.
            run.give_up(closing=call.callbacks_of_run is None and not call.response_reads_relayed)


@contextmanager
def prepared(
    format: AnyFormat, call: Call, timing: Timing, began: float
) -> Iterator[tuple[Run, Delivery]]:
    """The same, with the delivery of a run that ends where its client leaves."""
    with prepared_run(call, timing, began) as run:
        delivery = watched_delivery(
            run, format, call.request.environ, call.app.config["STREAM_HEARTBEAT"]
        )
        responded = False
        try:
            yield run, delivery
            responded = True
        finally:
            if not run.opened:
                delivery.call_at_end()
            elif not responded:  # as a response could not be made, or its thread is being ended
                delivery.close()


def watched_delivery(
    answer: Answer, format: AnyFormat, environ: Environ, heartbeat: float
) -> Delivery:
    """What brings an answer to one request's client, watched until that is over.

    :param heartbeat: STREAM_HEARTBEAT.
    """
    connection = Connection(environ)
    # In a format that has comments, one would tell whether it is more than half of a connection
    # that a FIN has closed; before the headers there can be none.
    connection.notices_fin = format.is_complete or not format.comment
    delivery = Delivery(answer, connection, heartbeat)
    watcher().watch_delivery(delivery, environ)
    return delivery
