<?php
/**
 * Tools, Site Health.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Status;

use Relay_Connector\Admin\Settings_Page;
use Relay_Connector\Keys\Key_Exchange;
use Relay_Connector\Results\Result_Callback;
use Relay_Connector\Schema;
use Relay_Connector\Sending\Response_Classifier;
use Relay_Connector\Sending\Scheduler;
use Relay_Connector\Sending\Triggers;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Tests the own table itself.

/**
 * Three tests of this site, one test of the gateway, and debug information. The secret is never included.
 */
final class Site_Health {

	const ROUTE = '/health/gateway';

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The status.
	 *
	 * @var Status
	 */
	private $status;

	/**
	 * The triggers.
	 *
	 * @var Triggers
	 */
	private $triggers;

	/**
	 * The key exchange.
	 *
	 * @var Key_Exchange
	 */
	private $keys;

	/**
	 * Takes what it checks.
	 *
	 * @param Settings     $settings The settings.
	 * @param Status       $status   The status.
	 * @param Triggers     $triggers The triggers.
	 * @param Key_Exchange $keys     The key exchange.
	 */
	public function __construct( Settings $settings, Status $status, Triggers $triggers, Key_Exchange $keys ) {
		$this->settings = $settings;
		$this->status   = $status;
		$this->triggers = $triggers;
		$this->keys     = $keys;
	}

	/**
	 * Adds the tests.
	 *
	 * @param array $tests The tests.
	 * @return array
	 */
	public function add_tests( $tests ) {
		$tests['direct']['relay_connector_setup']    = array(
			'label' => __( 'Relay is set up', 'relay-connector' ),
			'test'  => array( $this, 'test_setup' ),
		);
		$tests['direct']['relay_connector_events']   = array(
			'label' => __( 'Events reach Relay', 'relay-connector' ),
			'test'  => array( $this, 'test_events' ),
		);
		$tests['direct']['relay_connector_wake_ups'] = array(
			'label' => __( 'Events are sent automatically', 'relay-connector' ),
			'test'  => array( $this, 'test_triggers' ),
		);
		$tests['async']['relay_connector_gateway']   = array(
			'label'             => __( 'The Relay gateway responds', 'relay-connector' ),
			'test'              => rest_url( Result_Callback::REST_NAMESPACE . self::ROUTE ),
			'has_rest'          => true,
			'async_direct_test' => array( $this, 'test_gateway' ),
		);
		return $tests;
	}

	/**
	 * Adds the route for the test that takes time.
	 */
	public function add_route() {
		register_rest_route(
			Result_Callback::REST_NAMESPACE,
			self::ROUTE,
			array(
				'methods'             => 'GET',
				'callback'            => array( $this, 'test_gateway' ),
				'permission_callback' => static function () {
					return current_user_can( 'view_site_health_checks' );
				},
			)
		);
	}

	/**
	 * The address, the secret and the table exist.
	 *
	 * @return array
	 */
	public function test_setup() {
		global $wpdb;
		$table = $wpdb->get_var( $wpdb->prepare( 'SHOW TABLES LIKE %s', $wpdb->esc_like( $wpdb->relay_connector_outbox ) ) );
		if ( null === $table ) {
			return $this->result( 'setup', 'critical', __( 'The table of Relay Connector is missing', 'relay-connector' ), __( 'Events cannot be recorded. Deactivate and reactivate the plugin to create the table again.', 'relay-connector' ) );
		}
		if ( ! $this->settings->is_configured() ) {
			return $this->result( 'setup', 'recommended', __( 'Relay Connector is not set up', 'relay-connector' ), __( 'Nothing is sent until the gateway address and the secret are set. If you do not use Relay, deactivate the plugin.', 'relay-connector' ) );
		}
		return $this->result( 'setup', 'good', __( 'Relay Connector is set up', 'relay-connector' ), __( 'The gateway address and the secret are set, and events can be recorded.', 'relay-connector' ) );
	}

	/**
	 * No events are stuck.
	 *
	 * @return array
	 */
	public function test_events() {
		$problems = $this->status->problems();
		if ( ! $problems ) {
			return $this->result( 'events', 'good', __( 'Events reach Relay', 'relay-connector' ), __( 'No events are late, and none need attention.', 'relay-connector' ) );
		}
		$texts = array();
		foreach ( $problems as $problem ) {
			$texts[] = $problem['title'] . ' ' . $problem['text'];
		}
		return $this->result( 'events', 'error' === $problems[0]['level'] ? 'critical' : 'recommended', __( 'Events are not reaching Relay', 'relay-connector' ), implode( ' ', $texts ) );
	}

	/**
	 * Events are sent automatically.
	 *
	 * @return array
	 */
	public function test_triggers() {
		$works = ! $this->settings->collects_events() || $this->triggers->are_working();
		return $this->result( 'wake_ups', $works ? 'good' : 'recommended', $works ? __( 'Events are sent automatically', 'relay-connector' ) : __( 'Events may be sent late', 'relay-connector' ), $this->triggers->explain() );
	}

	/**
	 * The gateway responds, and clock and key are right. The gateway stores nothing.
	 *
	 * @return array
	 */
	public function test_gateway() {
		if ( ! $this->settings->is_configured() ) {
			return $this->result( 'gateway', 'recommended', __( 'No Relay gateway is set up', 'relay-connector' ), __( 'The gateway address or the secret is missing.', 'relay-connector' ) );
		}
		$response   = $this->keys->key_state();
		$classifier = new Response_Classifier( $this->settings );
		$status     = isset( $response->json['status'] ) ? $response->json['status'] : '';
		if ( 200 !== $response->status || ! in_array( $status, array( Key_Exchange::CURRENT, Key_Exchange::NEWER, Key_Exchange::NONE_NEWER ), true ) ) {
			// A gateway from before key requests: it responds, and more cannot be checked.
			$is_old = $response->json && in_array( $response->status, array( 404, 405 ), true );
			return $is_old
				? $this->result( 'gateway', 'good', __( 'The Relay gateway responds', 'relay-connector' ), __( 'It is an older version. Send a test event to check more.', 'relay-connector' ) )
				: $this->result( 'gateway', 'critical', __( 'The Relay gateway cannot be reached or does not accept this site', 'relay-connector' ), $classifier->explain( $response ) );
		}
		if ( Key_Exchange::CURRENT !== $status ) {
			return $this->result( 'gateway', 'recommended', __( 'The key of this site is being retired', 'relay-connector' ), __( 'Choose "Fetch the new key" under Settings → Relay before the old key expires. If there is no new key, create one in Relay with "Rotate key" first.', 'relay-connector' ) );
		}
		if ( null !== $response->clock_ahead_s && abs( $response->clock_ahead_s ) > Response_Classifier::CLOCK_WARN_S ) {
			return $this->result( 'gateway', 'recommended', __( 'The clock of this server is wrong', 'relay-connector' ), $classifier->explain_clock( $response ) . ' ' . __( 'This is still accepted, but have the clock synchronized before the difference grows.', 'relay-connector' ) );
		}
		return $this->result( 'gateway', 'good', __( 'The Relay gateway responds', 'relay-connector' ), __( 'It accepts the key of this site, and the clocks agree.', 'relay-connector' ) );
	}

	/**
	 * Adds the debug information.
	 *
	 * @param array $info The debug information of others.
	 * @return array
	 */
	public function add_facts( $info ) {
		$summary = $this->status->summary();
		$fixed   = $this->settings->overridden_by( Settings::SECRET );
		$facts   = array(
			'endpoint'    => array( __( 'Gateway address', 'relay-connector' ), $this->settings->endpoint(), true ),
			'key_id'      => array( __( 'Key ID', 'relay-connector' ), $this->settings->key_id(), true ),
			'fingerprint' => array( __( 'Fingerprint of the secret', 'relay-connector' ), $this->settings->fingerprint(), true ),
			'kept_in'     => array( __( 'Secret stored in', 'relay-connector' ), '' === $fixed ? __( 'the options', 'relay-connector' ) : $fixed, false ),
			'waiting'     => array( __( 'Waiting events', 'relay-connector' ), $summary->waiting, false ),
			'parked'      => array( __( 'Failed events', 'relay-connector' ), $summary->parked, false ),
			'oldest'      => array( __( 'Oldest waiting event', 'relay-connector' ), $summary->oldest_at ? gmdate( 'Y-m-d\TH:i:s\Z', $summary->oldest_at ) : '', false ),
			'last_run'    => array( __( 'Last run', 'relay-connector' ), $this->triggers->last_run() ? gmdate( 'Y-m-d\TH:i:s\Z', $this->triggers->last_run() ) : '', false ),
			'at_once'     => array( __( 'Sends at the end of a request', 'relay-connector' ), Scheduler::can_finish_response() ? __( 'yes', 'relay-connector' ) : __( 'no', 'relay-connector' ), false ),
			'schema'      => array( __( 'Version of the tables', 'relay-connector' ), (int) get_option( Schema::OPTION, 0 ), false ),
		);
		$fields  = array();
		foreach ( $facts as $name => $fact ) {
			$fields[ $name ] = array(
				'label'   => $fact[0],
				'value'   => '' === (string) $fact[1] ? '–' : (string) $fact[1],
				'private' => $fact[2],
			);
		}
		$info['relay-connector'] = array(
			'label'  => __( 'Relay Connector', 'relay-connector' ),
			'fields' => $fields,
		);
		return $info;
	}

	/**
	 * Builds the result of a test for Site Health.
	 *
	 * @param string $test   The connection test.
	 * @param string $status Either good, recommended or critical.
	 * @param string $label  A short title.
	 * @param string $text   The explanation.
	 * @return array
	 */
	private function result( $test, $status, $label, $text ) {
		return array(
			'label'  => $label,
			'status' => $status,
			'badge'  => array(
				'label' => __( 'Relay', 'relay-connector' ),
				'color' => 'blue',
			),
			'description' => '<p>' . esc_html( $text ) . '</p>',
			'actions'     => 'good' === $status ? '' : '<p><a href="' . esc_url( Settings_Page::url() ) . '">' . esc_html__( 'Open the Relay page', 'relay-connector' ) . '</a></p>',
			'test'        => 'relay_connector_' . $test,
		);
	}
}
