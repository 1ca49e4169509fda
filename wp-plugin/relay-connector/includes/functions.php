<?php
/**
 * What other plugins may call.
 *
 * @package Relay_Connector
 */

defined( 'ABSPATH' ) || exit;

/**
 * Sends an event of another plugin's own to the gateway. It is only noted down here, which takes about as long as saving
 * an option; it is sent after the visitor has been answered, or by WP-Cron.
 *
 *     relay_connector_send_event( 'x.booking_made', array( 'room' => 12, 'guest' => 'Jane' ), array( 'key' => 'booking-77' ) );
 *
 * Where the plugin may be missing, do_action( 'relay_connector_send_event', $type, $data, $args ) does the same.
 *
 * @param string       $type The event type: "x." and a name.
 * @param array|object $data The fields.
 * @param array        $args With key, if the same event may be handed over twice: a key is sent only once for a type.
 * @return string|WP_Error The event's id; or an error with the code relay_connector_off (nothing is set up yet, or such
 *                         events are switched off) or relay_connector_refused (its message says why).
 */
function relay_connector_send_event( $type, $data = array(), $args = array() ) { // phpcs:ignore Squiz.Functions.GlobalFunction -- a plain function is what other plugins look for.
	$events = \Relay_Connector\Events\Custom_Events::active();
	return $events ? $events->send( $type, $data, $args ) : new WP_Error( 'relay_connector_off', 'Relay Connector is not loaded yet.' );
}
