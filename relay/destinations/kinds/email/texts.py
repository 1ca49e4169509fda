"""The ready-made mails: a subject and a text for each event."""

from __future__ import annotations

SUBJECTS = {
    "comment.created": "New comment by {{ data.author }}",
    "order.created": "New order {{ data.number }} over {{ data.total }} {{ data.currency }}",
    "order.status_changed": "Order {{ data.number }} is now {{ data.status }}",
    "lead.created": "New lead from {{ data.form.title }}",
    "user.registered": "New user on {{ site_name }}",
    "relay.test": "Test event from {{ site_name }}",
}
TEXTS = {
    "comment.created": "{{ data.author }} wrote"
    "{% if data.post_title %} on “{{ data.post_title }}”{% endif %}:\n\n{{ data.content }}",
    "order.created": "{{ data.customer.name }} ordered on {{ site_name }}:\n\n"
    "{% for item in data.items %}{{ item.quantity }} × {{ item.name }}  {{ item.total }}\n{% endfor %}"
    "\nTotal {{ data.total }} {{ data.currency }}",
    "order.status_changed": "Order {{ data.number }} of {{ data.customer.name }} over {{ data.total }} "
    "{{ data.currency }} is now {{ data.status }}.",
    "lead.created": "{% for field in data.fields %}{{ field[0] }}: {{ field[1] }}\n{% endfor %}"
    "{% if data.page_url %}\nSent from {{ data.page_url }}{% endif %}",
    "user.registered": "{{ data.login }} ({{ data.email }}) has registered.",
    "relay.test": "The connection works.",
}
