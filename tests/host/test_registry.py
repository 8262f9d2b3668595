"""The registry: what names find, and what a miss says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.errors import AmbiguousNameError, UnknownNameError
from morph_cl.registry import Provider, Registry
from morph_cl.specs import ExpertSpec

PROVIDERS = [
    Provider("own", "morph-cl", "1", bundled=True),
    Provider("more", "morph-cl", "1", bundled=True),
    Provider("ant", "ant-dist", "2"),
    Provider("bee", "bee-dist", "3"),
]


def spec(name):
    return ExpertSpec(name=name, build="m:b", summary="An expert.")


offers = st.sets(st.tuples(st.sampled_from(PROVIDERS), st.sampled_from(["one", "two", "three"])))


@given(offers)
def test_every_shown_name_finds_its_record_and_no_other(offered):
    registry = Registry("expert")
    for provider, name in sorted(offered, key=str):
        registry.add(spec(name), provider)
    shown = [registry.shown_name(entry) for entry in registry]
    assert len(set(shown)) == len(registry) == len(offered)
    for entry in registry:
        assert registry.get(registry.shown_name(entry)) is entry
        assert registry.get(entry.qualified_name) is entry


@given(offers)
def test_bare_name_is_bundled_or_unique_or_refused(offered):
    registry = Registry("expert")
    for provider, name in sorted(offered, key=str):
        registry.add(spec(name), provider)
    for name in {name for _, name in offered}:
        providers = [provider for provider, other in offered if other == name]
        bundled = [provider for provider in providers if provider.bundled]
        if len(providers) == 1 or len(bundled) == 1:
            assert registry.get(name).provider == (bundled or providers)[0]
        else:
            with pytest.raises(AmbiguousNameError):
                registry.get(name)


def test_did_you_mean():
    registry = Registry("expert")
    registry.add(spec("residual-mlp"), PROVIDERS[0])
    with pytest.raises(UnknownNameError, match=r"unknown expert 'residual-mpl'\. Did you mean 'residual-mlp'\?"):
        registry.get("residual-mpl")
    with pytest.raises(UnknownNameError, match="Known: residual-mlp"):
        registry.get("zzz")


@pytest.mark.parametrize("name", ["", ":", "own:", ":one", "ant:one", "own:one:one"])
def test_odd_names_are_unknown(name):
    registry = Registry("expert")
    registry.add(spec("one"), PROVIDERS[0])
    with pytest.raises(UnknownNameError):
        registry.get(name)
