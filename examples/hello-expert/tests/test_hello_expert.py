"""morph_cl.testing knows what an expert must be able to do."""

from hello_expert import plugin

from morph_cl.testing import check_expert, check_plugin


def test_plugin_keeps_its_contract() -> None:
    assert check_plugin(plugin) == ["expert hello-expert"]


def test_other_options() -> None:
    (record,) = plugin.register_experts()
    check_expert(record, {"width": 3, "pieces": 5})
