"""The short form of `make test-cluster`: the writer is killed once, under clients, a job and a restore."""

import pytest

from tests.cluster.faults import one_round
from tests.cluster.galera import Galera, missing


@pytest.mark.timeout(600)
def test_no_row_is_lost_or_doubled_when_the_writer_is_killed(capsys):
    if (why := missing()) is not None:
        pytest.skip(why)
    with Galera() as cluster:
        assert one_round("kill", cluster, seconds=1, rows=30_000), capsys.readouterr().out
