"""What Home Assistant's MQTT discovery is told: a device a camera, with four entities."""

from __future__ import annotations

from typing import Any

from vultus._version import __version__

_EVENT_AGE_S = 120  # older events (after an outage) must not open a door or turn on a light


def discovery_messages(
    prefix: str, base: str, camera: str, slug: str, status_topic: str, expiry_s: int
) -> dict[str, dict[str, Any]]:
    """Configuration topic -> payload. slug: the camera's level of the topics.

    status_topic: of the Vultus that watches this camera.
    """
    node = f"{base.replace('/', '_')}_{slug}"
    state, event = f"{base}/{slug}/state", f"{base}/{slug}/event"
    common: dict[str, Any] = {
        "availability_topic": status_topic,
        "device": {
            "identifiers": [f"vultus_{node}"],
            "name": camera,
            "manufacturer": "Vultus",
            "model": "Camera",
            "sw_version": __version__,
        },
        "origin": {"name": "Vultus", "sw_version": __version__},
    }
    entities: dict[str, dict[str, Any]] = {
        "sensor/people": {
            "name": "People",
            "icon": "mdi:account-group",
            "state_topic": state,
            "expire_after": expiry_s,
            "value_template": _PEOPLE,
            "json_attributes_topic": state,
        },
        "sensor/count": {
            "name": "Count",
            "icon": "mdi:counter",
            "state_topic": state,
            "expire_after": expiry_s,
            "state_class": "measurement",
            "value_template": "{{ value_json.count }}",
        },
        "binary_sensor/occupancy": {
            "name": "Occupancy",
            "device_class": "occupancy",
            "state_topic": state,
            "expire_after": expiry_s,
            "value_template": "{{ 'ON' if value_json.count > 0 else 'OFF' }}",
        },
        "event/visit": {
            "name": "Visit",
            "icon": "mdi:account-clock",
            "state_topic": event,
            "event_types": ["enter", "update", "exit"],
            "value_template": _EVENT,
        },
    }
    messages: dict[str, dict[str, Any]] = {}
    for place, entity in entities.items():
        component, name = place.split("/")
        messages[f"{prefix}/{component}/{node}/{name}/config"] = {
            **entity,
            **common,
            "unique_id": f"vultus_{node}_{name}",
        }
    return messages


# A state has at most 255 letters; the attributes have every name.
_PEOPLE = (
    "{{ ((value_json.people + value_json.strangers) | join(', ') or 'nobody')"
    " | truncate(250, true) }}"
)
_EVENT = (
    "{% if (now() - as_datetime(value_json.time)).total_seconds() < "
    f"{_EVENT_AGE_S} %}}"
    "{{ {'event_type': value_json.type, 'visit': value_json.visit, 'person': value_json.person,"
    " 'stranger': value_json.stranger, 'probability': value_json.probability,"
    " 'zone': value_json.zone, 'time': value_json.time} | to_json }}{% endif %}"
)
