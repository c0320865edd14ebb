"""`deploy/kubernetes/`: a cluster would take it, and what it gives the programs is what they read."""

import re

import kubernetes_validate
import pytest
import yaml

from hiring_api.settings import read_settings
from tests.delivery.programs import ROOT, dockerfile, parsed, routes, unknown

FOLDER = ROOT / "deploy" / "kubernetes"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
MANIFESTS = sorted(FOLDER.glob("*.yaml"))
OBJECTS = [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def of_kind(kind):
    return [one for one in OBJECTS if one["kind"] == kind]


def pods():
    """The name and specification of every pod that a manifest makes."""
    for one in OBJECTS:
        spec = one.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield one["metadata"]["name"], template["spec"]


def containers():
    for name, pod in pods():
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield name, pod, container


def image(container):
    return re.fullmatch(r"ghcr\.io/change-me/hiring-(\w+):[0-9.]+", container["image"])[1]


def created_secrets():
    """Secret -> its keys, as the commands of README.md create them."""
    commands = re.findall(r"kubectl create secret generic (\S+)((?: \\\n.*|[^\n])*)", README)
    return {name: set(re.findall(r"--from-\w+=([^=\s]+)=", rest)) for name, rest in commands}


@pytest.mark.parametrize("version", ["1.31", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("one", OBJECTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_the_manifests_are_valid(one, version):
    kubernetes_validate.validate(one, version, strict=True)


def test_there_are_the_migration_the_api_and_the_backups():
    assert sorted(name for name, _ in pods()) == ["hiring-api", "hiring-backup", "hiring-migration"]


@pytest.mark.parametrize(("name", "pod", "container"), [*containers()])
def test_no_container_may_do_more_than_it_must(name, pod, container):
    uid = int(re.search(r"useradd --uid (\d+)", dockerfile(image(container)))[1])
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == uid
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize(("name", "pod", "container"), [*containers()])
def test_what_a_program_writes_is_on_a_volume(name, pod, container):
    emptied = {volume["name"] for volume in pod["volumes"] if "emptyDir" in volume}
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in emptied}
    wanted = {"/tmp"} | ({"/app/rejects"} if image(container) == "migration" else set())
    assert writable == wanted


def mounted(pod, container):
    """Path -> (secret, key) of each file that a container can read."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    found = {}
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        sources = [one["secret"] for one in volume.get("projected", {}).get("sources", [])]
        for source in [*sources, *([volume["secret"]] if "secret" in volume else [])]:
            secret = source.get("secretName") or source["name"]
            items = source.get("items") or [{"key": key, "path": key} for key in created_secrets()[secret]]
            found |= {f"{mount['mountPath']}/{item['path']}": (secret, item["key"]) for item in items}
    return found


def environment(container):
    """Name -> value of a container's variables; those from secrets have a plausible one."""
    [settings] = of_kind("ConfigMap")
    found = dict(settings["data"])
    assert {"configMapRef": {"name": settings["metadata"]["name"]}} in container["envFrom"]
    for one in container.get("env", []):
        found[one["name"]] = one.get("value", "secret")
    return found


@pytest.mark.parametrize(("name", "pod", "container"), [*containers()])
def test_a_container_gives_its_program_settings_that_exist_and_enough_of_them(name, pod, container, tmp_path):
    given = environment(container)
    assert unknown(given) == set()
    files = mounted(pod, container)
    for variable, value in given.items():
        if variable.endswith("_FILE"):
            secret, key = files[value]
            assert key in created_secrets()[secret]
            given[variable] = tmp_path / variable
            given[variable].write_text("secret\n")
    settings = read_settings({variable: str(value) for variable, value in given.items()})
    assert settings.database_url.password == "secret"
    if "ports" in container:
        assert settings.credentials() == ("secret", "secret")
        assert settings.api_port == container["ports"][0]["containerPort"]
        assert settings.api_host == "0.0.0.0"


def test_every_secret_that_is_asked_for_is_created_by_the_steps():
    created = created_secrets()
    for _, _, container in containers():
        for one in container["envFrom"]:
            if "secretRef" in one:
                assert unknown(created[one["secretRef"]["name"]]) == set()
        for one in container.get("env", []):
            if "valueFrom" in one:
                asked = one["valueFrom"]["secretKeyRef"]
                assert asked["key"] in created[asked["name"]]


def test_the_containers_run_commands_of_their_programs():
    commands = {}
    for _, _, container in containers():
        commands[container["name"]] = parsed(image(container), container.get("args", []))
    assert commands["api"].command == "serve"
    assert commands["backup"].command == "backup"
    assert (commands["verify"].command, commands["verify"].files) == ("verify", ["newest"])
    assert commands["migration"].source is None


def test_what_the_steps_run_in_a_pod_are_commands_of_the_api():
    told = re.findall(r"kubectl exec \S+ -- python -m hiring_api ([^`\n]*)", README)
    assert [parsed("api", one.split()).command for one in told] == ["restore"]
    assert all("--yes" in one for one in told)  # there is no terminal


def test_the_probes_ask_routes_and_a_port_that_the_api_has(tmp_path):
    [(_, pod)] = [found for found in pods() if found[0] == "hiring-api"]
    [container] = pod["containers"]
    probes = {name: probe["httpGet"] for name, probe in container.items() if name.endswith("Probe")}
    assert probes["readinessProbe"]["path"] == "/health/ready"
    assert probes["livenessProbe"]["path"] == "/health/live"
    [deployment] = of_kind("Deployment")
    scraped = deployment["spec"]["template"]["metadata"]["annotations"]
    assert {scraped["prometheus.io/path"], *(probe["path"] for probe in probes.values())} <= routes(tmp_path)
    [port] = container["ports"]
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    [service] = of_kind("Service")
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]


def test_what_selects_pods_selects_those_of_the_api():
    [deployment] = of_kind("Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    [service], [budget] = of_kind("Service"), of_kind("PodDisruptionBudget")
    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        budget["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels


def test_the_api_may_end_its_requests_before_it_is_killed():
    server = (ROOT / "hiring_api" / "web" / "server" / "gunicorn_config.py").read_text(encoding="utf-8")
    grace = int(re.search(r"^graceful_timeout = (\d+)$", server, re.MULTILINE)[1])
    [(_, pod)] = [found for found in pods() if found[0] == "hiring-api"]
    before = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > before + grace
