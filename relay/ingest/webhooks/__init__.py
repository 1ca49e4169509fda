"""Ways in for shops and forms without Relay's plugin: WooCommerce's own webhooks, and form webhooks."""
