"""Directories and files of the host that containers are to see."""

from tests.planning.build import applied, changes
from tests.planning.preflight.looking import asked, judged, refused

WEB = """
containers:
  web:
    image: web:1
    volumes:
      - /srv/www:/www:ro
      - {type: bind, source: /etc/web, target: /etc/web, bind: {create_host_path: false}}
      - data:/data
      - {type: tmpfs, target: /scratch}
volumes: {data: {}}
"""


def test_only_binds_are_looked_for_and_only_for_containers_that_are_made() -> None:
    assert asked(WEB).sources == {"/srv/www", "/etc/web"}
    assert not asked(WEB, applied(WEB))


def test_a_missing_source_is_refused_where_the_engine_would_and_noted_where_it_makes_one() -> None:
    found = judged(WEB, missing=frozenset({"/srv/www", "/etc/web"}))
    assert refused(found) == ["shop.yml:6 container.web: bind source /etc/web does not exist on the host"]
    note = "container.web: /srv/www is not on the host; the engine creates an empty directory"
    assert found.notes == (note,)
    assert changes(found) == ["+ image.web:1 (pull)", "+ volume.data"]


def test_what_is_refused_has_no_change_and_keeps_its_differences() -> None:
    host = applied(WEB.replace("web:1", "web:0"))
    found = judged(WEB, host, missing=frozenset({"/etc/web"}))
    assert changes(found) == ["+ image.web:1 (pull)"]
    assert [(diff.name, diff.old, diff.new) for diff in found.refusals[0].diffs] == [("image", "web:0", "web:1")]


def test_what_files_of_the_play_make_is_not_missing() -> None:
    files = "files: {/srv/www/index.html: {content: hi}, /etc/web: {content: hi}}\n"
    found = judged(files + WEB, missing=frozenset({"/srv/www", "/etc/web"}))
    assert (found.refusals, found.notes) == ((), ())
    assert refused(judged("files: {/etc/web2: {content: hi}}" + WEB, missing=frozenset({"/etc/web"})))


def test_existing_and_invisible_paths_are_not_findings() -> None:
    found = judged(WEB, missing=frozenset({"/elsewhere"}))
    assert (found.refusals, found.notes) == ((), ())
