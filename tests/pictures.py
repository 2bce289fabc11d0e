"""Pictures of every page, to look at next to the mock: `make pictures`, or with words to choose.

python -m tests.pictures                 all of them, into pictures/
python -m tests.pictures playground      those whose name holds this word
"""

import sys
from collections.abc import Callable, Iterator

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.base import CHROMIUM, OPTIONS
from tests.site import PASSWORD, ROOT, Site
from tests.upstream import chat_model
from tests.workspace import Workspace, plant_seeds

FOLDER = ROOT / "pictures"
TOKEN = "dapi-of-alice-0123456789"
LOOKS = {
    "light": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True},
}
ANSWER = """# Three ideas

A **good** prompt says:

1. who is asked,
2. what for, and
3. `how` the answer should look.

| Column | Meaning |
|---|---|
| TTFT | time to first token |
"""


def main(words: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with Workspace(tokens={TOKEN: "alice"}) as there, sync_playwright() as playwright:
        plant_seeds(there)
        there.models["writer"] = chat_model
        with Site(PLAYGROUND_WORKSPACE_ORIGINS=there.origin) as site, Site(accounts=()) as fresh:
            paths = furnish(site, there)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
            for look, options in LOOKS.items():
                for name, page in pages(browser, options, site, fresh, paths, words):
                    page.screenshot(path=FOLDER / f"{name}-{look}.png")
                    print(f"{name}-{look}")


def furnish(site: Site, there: Workspace, token: str = TOKEN) -> dict[str, str]:
    """Rows to look at; what is where."""
    api = site.api
    workspace = api("POST", "/workspaces", {"name": "Research", "host": there.origin})["id"]
    credential = {"kind": "token", "token": token}
    api("PUT", f"/workspaces/{workspace}/credential", credential)
    api("POST", f"/workspaces/{workspace}/check")
    common = {"kind": "serving", "workspace": workspace}
    more = [
        ("dolly by hand", {"serving_endpoint": "dolly", "task": "custom"}),
        ("a model that is not there, with a rather long name", {"serving_endpoint": "gone"}),
    ]
    for name, fields in more:
        api("POST", "/endpoints", {"name": name, "task": "chat"} | common | fields)
    endpoint = api("GET", "/endpoints")["items"][0]["id"]
    names = ["demo-echo", "demo-poet", *(name for name, _ in more)]
    run = site.start_run("How are you?", *names)["id"]
    site.wait_for_run(run)
    asked = site.start_run("How are you?", "demo-echo", "demo-poet")["id"]
    site.wait_for_run(asked)
    follow_up = api("POST", f"/runs/{asked}/follow-up", {"prompt": "And then?"})["id"]
    site.wait_for_run(follow_up)
    team = api("GET", "/teams")["items"][0]["id"]
    invited = {"email": "grace.hopper@example.org", "role": "viewer"}
    api("POST", f"/teams/{team}/invitations", invited)
    api("PATCH", f"/runs/{run}", {"team": team})
    at = f"/workspaces/{workspace}"
    prompt = f"/prompts/{_furnish_prompt(site)}/"
    return {
        "playground": "/",
        "run": f"/runs/{run}/",
        "follow-up": f"/runs/{follow_up}/",
        "history": "/runs/",
        "history-run": f"/runs/?run={run}",
        "history-nothing": "/runs/?q=zebra",
        "compare": f"/runs/compare/?run={run}&run={asked}",
        "endpoints": "/endpoints/",
        "endpoint-new": "/endpoints/new/",
        "endpoint": f"/endpoints/{endpoint}/",
        "endpoints-filtered": "/endpoints/?q=demo&sort=-name",
        "endpoints-none": "/endpoints/?q=nothing-has-this-name",
        "workspaces": "/workspaces/",
        "workspace": f"{at}/",
        "workspace-delete": f"{at}/delete/",
        "serving-endpoints": f"{at}/serving-endpoints/",
        "serving-endpoint-new": f"{at}/serving-endpoints/new/",
        "serving-endpoint": f"{at}/serving-endpoints/at/dolly/",
        "serving-endpoint-delete": f"{at}/serving-endpoints/at/dolly/delete/",
        "team": "/team/",
        "audit": "/team/audit/",
        "audit-empty": "/team/audit/?object=nothing+like+it",
        "invitation": "/team/join/",
        "prompts": "/prompts/",
        "prompt": prompt,
        "prompt-difference": f"{prompt}?from=1&to=2",
        "account": "/account/",
        "styleguide": "/styleguide/",
        "not-found": "/nothing/",
    }


def _furnish_prompt(site: Site) -> str:
    """A prompt of two versions with variables, parameters and an alias."""
    text = "Answer this mail as {{tone}}, in {{sentences}} sentences:\n\n{{mail}}"
    said = [
        {"role": "system", "content": "You answer the customers of a parts dealer."},
        {"role": "user", "content": text},
    ]
    variables = [
        {"name": "tone", "type": "choice", "choices": ["a friend", "a lawyer"]},
        {"name": "sentences", "type": "number", "default": "3"},
    ]
    body = {"name": "Support reply", "messages": said, "variables": variables}
    body |= {"message": "First words", "params": {"temperature": "0.2"}, "stop": ["\\n\\n"]}
    prompt = site.api("POST", "/prompts", body)["id"]
    said[0]["content"] += " Ask back when something is missing."
    del body["name"]
    body |= {"messages": said, "message": "Asks back, warmer", "params": {"temperature": "0.7"}}
    site.api("POST", f"/prompts/{prompt}/versions", body)
    site.api("PUT", f"/prompts/{prompt}/aliases/production", {"version": 1})
    return prompt


def pages(
    browser: Browser, options: dict, site: Site, fresh: Site, paths: dict, words: list[str]
) -> Iterator[tuple[str, Page]]:
    """Each page in turn, open and quiet."""
    page = browser.new_context(reduced_motion="reduce", **options).new_page()

    def is_wanted(name: str) -> bool:
        return not words or any(word in name for word in words)

    page.goto(f"{fresh.url}/setup/?code=x")
    if is_wanted("setup"):
        yield "setup", page
    page.goto(f"{site.url}/login/")
    if is_wanted("login"):
        yield "login", page
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/")
    for name, path in paths.items():
        if is_wanted(name):
            page.goto(site.url + path, wait_until="networkidle")
            yield name, page
    for name, open_it in OVERLAYS.items():
        if is_wanted(name):
            page.goto(site.url + "/", wait_until="networkidle")
            open_it(page)
            page.wait_for_load_state("networkidle")
            yield name, page
    page.context.close()


def open_picker(page: Page) -> None:
    page.keyboard.press("e")


def open_keys(page: Page) -> None:
    page.keyboard.press("?")


def open_palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-found [aria-selected=true]")).to_be_visible()


def open_raw(page: Page) -> None:
    page.keyboard.press("j")
    expect(page.locator("dialog#raw")).to_be_visible()


OVERLAYS: dict[str, Callable[[Page], None]] = {
    "palette": open_palette,
    "playground-picker": open_picker,
    "playground-keys": open_keys,
    "playground-raw": open_raw,
}


if __name__ == "__main__":
    main(sys.argv[1:])
