"""`deploy/aws/`: CloudFormation would take it, and what it gives the programs is what they read."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from uuid import uuid4

import pytest
from cfnlint.decode import cfn_yaml

from hiring_api.__main__ import main
from hiring_api.settings import read_settings
from migration_job.main import main as migrate
from tests.delivery.programs import ROOT, parsed, routes, unknown

FOLDER = ROOT / "deploy" / "aws"
TEMPLATES = sorted(FOLDER.glob("*.yaml"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")
# What a value that only AWS knows may look like
RESOLVED = {
    "MYSQL_HOST": "db.example",
    "MYSQL_PORT": "3306",
    "BACKUP_KEEP": "30",
    "ALLOWED_HOSTS": "hiring.example.org",
    "TRUSTED_PROXIES": "10.20.0.0/16",
}


def template(name):
    return cfn_yaml.load(str(FOLDER / f"{name}.yaml"))


def resources(of_type):
    found = template("hiring")["Resources"].items()
    return {name: one["Properties"] for name, one in found if one["Type"] == of_type}


def containers():
    for name, task in resources("AWS::ECS::TaskDefinition").items():
        [container] = task["ContainerDefinitions"]
        yield name.lower(), container


def environment(container):
    """The variables of a container, with plausible values for what only AWS knows."""
    given = {one["Name"]: one["Value"] for one in container["Environment"]}
    known = {name: value for name, value in given.items() if isinstance(value, str)}
    secret = dict.fromkeys((one["Name"] for one in container["Secrets"]), "secret")
    return {**{name: RESOLVED.get(name, "s3://bucket/prefix") for name in given}, **known, **secret}


def test_the_templates_pass_the_linter():
    command = [f"{sys.prefix}/bin/cfn-lint", "--regions", "us-east-1", "eu-central-1", "--", *TEMPLATES]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert [path.stem for path in TEMPLATES] == ["hiring", "network", "registry"]


def test_each_task_gives_its_program_settings_that_exist_and_enough_of_them():
    for image, container in containers():
        given = environment(container)
        assert unknown(given) == set()
        settings = read_settings(given)
        [cluster] = resources("AWS::RDS::DBCluster").values()
        assert settings.database_url.database == cluster["DatabaseName"]
        if image == "api":
            assert settings.credentials() == ("secret", "secret")
            assert settings.backup_dir.startswith("s3://")
            assert settings.allowed_hosts
            assert settings.trusted_proxies
        else:
            assert settings.csv_source.startswith("s3://")


def test_no_secret_is_a_plain_variable():
    for _, container in containers():
        names = [one["Name"] for one in container["Environment"]]
        assert [name for name in names if re.search("PASS|SECRET|KEY_ID", name)] == []


def test_what_runs_in_the_tasks_are_commands_of_the_images_programs():
    for image, container in containers():
        parsed(image, container.get("Command", []))
    schedules = resources("AWS::Scheduler::Schedule").values()
    said = [json.loads(one["Target"]["Input"])["containerOverrides"] for one in schedules]
    told = re.findall(r"--overrides '(.*)'$", README, re.MULTILINE)
    said += [json.loads(one)["containerOverrides"] for one in told]
    given = [parsed(one["name"], one["command"]) for [one] in said]
    assert [one.command for one in given] == ["backup", "verify", "restore"]
    assert given[-1].yes  # there is nobody to ask


def test_the_load_balancer_asks_a_route_and_a_port_that_the_api_has(tmp_path):
    [targets] = resources("AWS::ElasticLoadBalancingV2::TargetGroup").values()
    [rule] = resources("AWS::ElasticLoadBalancingV2::ListenerRule").values()
    assert targets["HealthCheckPath"] == "/health/ready"
    hidden = rule["Conditions"][0]["PathPatternConfig"]["Values"]
    assert {targets["HealthCheckPath"], *hidden} <= routes(tmp_path)
    api = dict(containers())["api"]
    ports = {api["PortMappings"][0]["ContainerPort"], targets["Port"]}
    assert ports == {read_settings(environment(api)).api_port}


def statements():
    for name in ("hiring", "registry"):
        for role, one in template(name)["Resources"].items():
            for policy in one["Properties"].get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    actions = statement["Action"]
                    yield role, [actions] if isinstance(actions, str) else actions, statement["Resource"]


def test_no_role_may_do_more_than_what_is_named():
    for role, actions, resource in statements():
        assert not [action for action in actions if "*" in action], role
        assert resource != "*" or actions == ["ecr:GetAuthorizationToken"], role


@pytest.fixture
def bucket(s3):
    """The name of a new bucket, which stands for the template's."""
    name = f"hiring-{uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def as_role(bucket, s3_server, monkeypatch):
    """A function that makes the present user one who has a role's rights and no other."""
    import boto3
    import requests

    def become(role):
        document = {"Version": "2012-10-17", "Statement": []}
        for name, actions, resource in statements():
            if name == role:
                arn = resource.get("Fn::Sub", "${Files.Arn}").replace(
                    "${Files.Arn}", f"arn:aws:s3:::{bucket}"
                )
                document["Statement"].append({"Effect": "Allow", "Action": actions, "Resource": arn})
        assert document["Statement"]
        iam = boto3.client("iam")
        user = f"{role}-{uuid4().hex}"
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName="only", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=user)["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        requests.post(f"{s3_server}/moto-api/reset-auth", data=b"0", timeout=10)

    yield become
    requests.post(f"{s3_server}/moto-api/reset-auth", data=b"inf", timeout=10)


@pytest.fixture
def in_the_bucket(bucket, monkeypatch, tmp_path):
    """An environment in which the programs use a new database, and the bucket as the template says."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/hiring.db")
    monkeypatch.setenv("BACKUP_DIR", f"s3://{bucket}/backups")
    monkeypatch.setenv("CSV_SOURCE", f"s3://{bucket}/csv")
    monkeypatch.setenv("REJECTS_DIR", str(tmp_path / "rejects"))


CSV = {
    "departments": "1,Sales\n",
    "jobs": "1,Clerk\n",
    "hired_employees": "1,Ana,2021-07-27T16:02:08Z,1,1\n",
}


def test_the_apis_role_suffices_to_keep_verify_restore_and_prune_backups(
    as_role, in_the_bucket, monkeypatch, capsys, tmp_path
):
    for name, lines in CSV.items():
        (tmp_path / f"{name}.csv").write_text(lines, encoding="utf-8")
    assert migrate([str(tmp_path)]) == 0
    monkeypatch.setenv("BACKUP_KEEP", "1")
    as_role("ApiRole")
    assert main(["backup"]) == 0
    assert main(["backup"]) == 0
    assert main(["verify", "--level", "restore", "newest"]) == 0
    with closing(sqlite3.connect(tmp_path / "hiring.db")) as wrecked:
        wrecked.execute("DELETE FROM hired_employees")
        wrecked.commit()
    assert main(["restore", "newest", "--yes"]) == 0
    capsys.readouterr()
    assert main(["--json", "backups"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2  # that of before the restore, and the verified one
    assert main(["restore", "20200101T000000Z-00000000", "--yes"]) == 1  # not there, and not forbidden
    assert "there is no backup" in capsys.readouterr().err


def test_the_apis_role_writes_nothing_beside_the_backups(as_role, bucket, in_the_bucket, monkeypatch, capsys):
    monkeypatch.setenv("BACKUP_DIR", f"s3://{bucket}/csv")
    assert main(["migrate"]) == 0
    as_role("ApiRole")
    assert main(["backup"]) == 1
    assert "the place of the backups" in capsys.readouterr().err


def test_the_migrations_role_suffices_to_load_the_files(s3, as_role, bucket, in_the_bucket):
    for name, lines in CSV.items():
        s3.put_object(Bucket=bucket, Key=f"csv/{name}.csv", Body=lines.encode())
    as_role("MigrationRole")
    assert migrate([]) == 0


def test_the_steps_name_parameters_and_outputs_of_the_templates():
    deployed = re.findall(
        r"--template-file deploy/aws/(\w+)\.yaml(.*?)(?=\n *(?:```|aws ))", README, re.DOTALL
    )
    assert {name for name, _ in deployed} == {path.stem for path in TEMPLATES}
    for name, rest in deployed:
        given = re.findall(r"\b([A-Z]\w+)=", rest)
        parameters = template(name).get("Parameters", {})
        assert set(given) <= set(parameters), name
        if name == "hiring" and "Vpc" in given:
            assert {key for key, one in parameters.items() if "Default" not in one} <= set(given)
    for stack, output in re.findall(r"\boutput (?:hiring-)?(\w+) (\w+)", README):
        assert output in template(stack)["Outputs"], output
