"""ControlNets and T2I-Adapters: where their files lie, and what their configurations say."""
