<?php
/**
 * The functions for other plugins.
 *
 * @package Relay_Connector
 */

defined( 'ABSPATH' ) || exit;

/**
 * Sends a custom event to the gateway. The call only records it, which takes about as long as saving an option. The
 * event is sent after the response to the visitor, or by WP-Cron.
 *
 *     relay_connector_send_event( 'x.booking_made', array( 'table' => 12, 'guest' => 'Jane' ), array( 'key' => 'booking-77' ) );
 *
 * Where the plugin may be inactive, do_action( 'relay_connector_send_event', $type, $data, $args ) does the same.
 *
 * @param string       $type The event type: "x." and a name.
 * @param array|object $data The fields.
 * @param array        $args With key, if the same event may be passed more than once: a key is sent only once per type.
 *                           With object, if events are about the same thing: they are sent in order.
 * @return string|WP_Error The event's id, or an error with the code relay_connector_off (nothing is set up yet, or
 *                         custom events are switched off) or relay_connector_refused (the message says why).
 */
function relay_connector_send_event( $type, $data = array(), $args = array() ) { // phpcs:ignore Squiz.Functions.GlobalFunction -- the public function for other plugins.
	$events = \Relay_Connector\Events\Custom_Events::active();
	return $events ? $events->send( $type, $data, $args ) : new WP_Error( 'relay_connector_off', 'Relay Connector is not loaded yet.' );
}

/**
 * Sends an entry of a form that Relay Connector does not know. The call only records it.
 *
 *     relay_connector_send_lead( array( 'Name' => 'Jane', 'E-mail' => 'jane@example.org' ), array( 'title' => 'Booking' ) );
 *
 * Where the plugin may be inactive, do_action( 'relay_connector_send_lead', $fields, $form ) does the same.
 *
 * @param array $fields Values by label: texts, or lists of texts.
 * @param array $form   With title, and optionally id, types (email, tel, name, first_name, last_name, company, text,
 *                      textarea, choice, choices, number, date, consent or url, by label), entry_id and page_url.
 */
function relay_connector_send_lead( $fields, $form = array() ) { // phpcs:ignore Squiz.Functions.GlobalFunction -- the public function for other plugins.
	$forms = \Relay_Connector\Events\Forms\Other_Forms::active();
	if ( $forms ) {
		$forms->send( $fields, $form );
	}
}
