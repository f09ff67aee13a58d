"""`deployer plan`: show what apply would change. Changes nothing."""

from __future__ import annotations

from deployer.cli import html, options
from deployer.cli.command import Call, Command, Suggestion

EXAMPLES = """\
deployer plan -i inventory playbooks/shop.yml
deployer plan playbooks/shop.yml --limit 'web:!web3' -e tag=1.4.2
deployer plan playbooks/shop.yml --json | jq '.counts'
deployer plan playbooks/shop.yml --detailed-exitcode    # exits with 2 if there are changes
"""


def _run(call: Call) -> int:
    from deployer.usecases.plan import plan
    from deployer.usecases.system import this_system

    console, out = call.console, call.params["out"]
    options.check_force(call.params)
    html.check(call)
    if out and not call.params["force"]:
        from deployer.usecases import saved_plan

        saved_plan.refuse_overwriting(out)
    with plan(options.request(call.params), this_system(call.console.learn, awaiting=console.awaiting)) as session:
        planned = session.planned
        from deployer.cli.deploy import plan_exit_code
        from deployer.reporting.human import plan_text
        from deployer.reporting.json_plan import plan_document
        from deployer.reporting.lines import line

        if console.json:
            console.document(plan_document(planned.plan, planned.warnings))
        else:
            console.warn(planned.warnings)
            console.result(plan_text(planned.plan, steps=console.verbose > 0, sheet=console.sheet))
        if call.params["html"]:
            from deployer.reporting.page import plan_page

            html.write(call, plan_page(planned.plan, planned.loaded.of_host, html.now()))
        if out:
            import shlex

            from deployer.reporting.lines import render
            from deployer.usecases import saved_plan

            shown = console.redactor.text(render(plan_text(planned.plan), colour=False))
            saved = saved_plan.write(out, planned, options.request(call.params), shown)
            saying = f"saved: to apply exactly this, run: deployer apply {shlex.quote(out)}"
            console.tell([line(saying, hang=None)])
            if missing := saved_plan.missing_variables(saved):
                console.tell([line(f"  and repeat these variables, which may contain secrets: {missing}")])
        return plan_exit_code(planned.plan, detailed=call.params["detailed_exitcode"])


COMMAND = Command(
    "plan",
    run=_run,
    examples=EXAMPLES,
    help="Show what apply would change.",
    params=[
        options.playbooks(),
        *options.hosts(),
        *options.selection(),
        *options.connection(),
        *options.secrets(),
        *options.policy(),
        options.out(),
        html.option("the plan"),
        options.force("--out", "--html"),
        options.json_option("Print the plan as one JSON document."),
        options.detailed_exitcode(),
        options.diff(),
        *options.global_options(),
    ],
    suggestion=Suggestion("shows what apply would change", ("check", "diff", "preview", "dry-run", "dryrun")),
)
