"""Which images a run looks at on a host, and which of them in a registry."""

from __future__ import annotations

from collections.abc import Iterable

from deployer.fields.options import PullPolicy, strongest_pull_policy
from deployer.model.desired import Desired, has_settings
from deployer.model.settings import FromImage, ImageSettings
from deployer.values import image


def needed_images(plays: Iterable[Desired]) -> tuple[dict[str, PullPolicy], frozenset[str]]:
    """Pull policies by complete reference, of all plays of a host together, and the references that a registry is
    asked for in any case. Images that are built or sent are never asked for."""
    plays = tuple(plays)
    declared = [resource for play in plays for resource in play.resources]
    builds = {reference: build for play in plays for reference, build in play.builds.items()}
    own = {*builds, *(reference for play in plays for reference in play.sources)}
    images: dict[str, PullPolicy] = {}
    for resource in declared:
        if has_settings(resource, FromImage) and (reference := resource.image):
            wanted = PullPolicy.NEVER if resource.absent or reference in own else resource.settings.pull
            images[reference] = strongest_pull_policy((wanted, images.get(reference, PullPolicy.NEVER)))
    for found in builds.values():
        wanted = PullPolicy.ALWAYS if found.pull else PullPolicy.NEVER
        images |= {base: strongest_pull_policy((wanted, images.get(base, wanted))) for base in found.bases}
    published = [resource.settings for resource in declared if has_settings(resource, ImageSettings)]
    asked = {target for settings in published if not settings.absent for target in settings.pushed}
    for target in (target for settings in published for target in settings.targets):
        images.setdefault(target, PullPolicy.NEVER)
    for tagged in {image.tag_of(reference) for reference, policy in images.items() if policy is PullPolicy.ALWAYS}:
        if tagged and tagged not in images:
            images[tagged] = PullPolicy.NEVER
            asked.add(tagged)
    return images, frozenset(asked)
