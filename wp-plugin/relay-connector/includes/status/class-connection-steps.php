<?php
/**
 * The steps of the connection test.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Status;

use Relay_Connector\Keys\Key_Exchange;
use Relay_Connector\Sending\Gateway_Address;
use Relay_Connector\Sending\Gateway_Response;
use Relay_Connector\Sending\Response_Classifier;
use Relay_Connector\Sending\Triggers;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * One signed request shows which steps passed, which one failed, and which were not reached. The last steps are about
 * this site: whether events are sent automatically.
 */
final class Connection_Steps {

	const PASSED  = 'passed';
	const FAILED  = 'failed';
	const WARNED  = 'warned';
	const SKIPPED = 'skipped';

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The triggers.
	 *
	 * @var Triggers
	 */
	private $triggers;

	/**
	 * Takes what it checks.
	 *
	 * @param Settings $settings The settings.
	 * @param Triggers $triggers The triggers.
	 */
	public function __construct( Settings $settings, Triggers $triggers ) {
		$this->settings = $settings;
		$this->triggers = $triggers;
	}

	/**
	 * All steps.
	 *
	 * @param Gateway_Response|null $response The response to the test event; null if a setting is missing.
	 * @param Gateway_Response|null $key      The gateway's response about the key; null if it was not asked.
	 * @return array[] Each with state, label and text. The failed step has no text: Response_Classifier explains it.
	 */
	public function for_response( $response, $key ) {
		$labels = array(
			'settings'   => __( 'The address and the secret are set', 'relay-connector' ),
			'address'    => __( 'The address is allowed', 'relay-connector' ),
			'name'       => __( 'The host name resolves (DNS)', 'relay-connector' ),
			'connection' => __( 'The gateway responds', 'relay-connector' ),
			'gateway'    => __( 'It is a Relay gateway', 'relay-connector' ),
			'clock'      => __( 'The clocks agree', 'relay-connector' ),
			'signature'  => __( 'The key and the signature are accepted', 'relay-connector' ),
			'event'      => __( 'The test event is accepted', 'relay-connector' ),
		);
		$wrong = $this->failed_step( $response );
		$steps = array();
		$state = self::PASSED;
		foreach ( $labels as $step => $label ) {
			if ( $step === $wrong ) {
				$steps[] = self::step( self::FAILED, $label, '' );
				$state   = self::SKIPPED;
				continue;
			}
			$steps[] = self::step( $state, $label, self::PASSED === $state ? $this->detail( $step, $response ) : '' );
		}
		$steps[] = $this->key_step( $key );
		$steps[] = $this->trigger_step();
		return $steps;
	}

	/**
	 * The step that failed; '' if none did.
	 *
	 * @param Gateway_Response|null $response The response.
	 * @return string
	 */
	private function failed_step( $response ) {
		if ( null === $response ) {
			return 'settings';
		}
		$by_failure = array(
			Gateway_Response::ADDRESS          => 'address',
			Gateway_Response::INTERNAL_ADDRESS => 'address',
			Gateway_Response::NAME_NOT_FOUND   => 'name',
		);
		if ( '' !== $response->failure ) {
			return isset( $by_failure[ $response->failure ] ) ? $by_failure[ $response->failure ] : 'connection';
		}
		$kind  = ( new Response_Classifier( $this->settings ) )->classify( $response );
		$is_on = null !== $response->clock_ahead_s && abs( $response->clock_ahead_s ) >= Response_Classifier::CLOCK_LIMIT_S;
		switch ( $kind ) {
			case Response_Classifier::ACCEPTED:
			case Response_Classifier::DUPLICATE:
				return '';
			case Response_Classifier::WRONG_ADDRESS:
				return 'gateway';
			case Response_Classifier::UNAUTHORIZED:
				if ( $response->is_html ) {
					return 'gateway';
				}
				return $is_on ? 'clock' : 'signature';
			case Response_Classifier::NOT_ALLOWED:
				return $response->is_html ? 'gateway' : 'signature';
			default:
				return 'event';
		}
	}

	/**
	 * The detail of a step that passed.
	 *
	 * @param string           $step     The step.
	 * @param Gateway_Response $response The response.
	 * @return string
	 */
	private function detail( $step, Gateway_Response $response ) {
		$address = new Gateway_Address( $this->settings->endpoint() );
		switch ( $step ) {
			case 'name':
				return $address->host() . ' → ' . implode( ', ', array_slice( $address->resolve(), 0, 3 ) );
			case 'connection':
				/* translators: 1: host and port, 2: milliseconds. */
				return sprintf( __( '%1$s, after %2$d ms', 'relay-connector' ), $address->host() . ':' . $address->port(), $response->took_ms );
			case 'clock':
				/* translators: %d: seconds. */
				return null === $response->clock_ahead_s ? __( 'The gateway did not send its time.', 'relay-connector' ) : sprintf( __( '%d s difference', 'relay-connector' ), abs( $response->clock_ahead_s ) );
			case 'signature':
				/* translators: %s: fingerprint of a secret. */
				return sprintf( __( 'fingerprint %s', 'relay-connector' ), $this->settings->fingerprint() );
			default:
				return '';
		}
	}

	/**
	 * Whether the key in use is the newest.
	 *
	 * @param Gateway_Response|null $key The gateway's response about it.
	 * @return array
	 */
	private function key_step( $key ) {
		$label  = __( 'The key is the newest one', 'relay-connector' );
		$status = null !== $key && 200 === $key->status && isset( $key->json['status'] ) ? $key->json['status'] : '';
		if ( Key_Exchange::CURRENT === $status ) {
			return self::step( self::PASSED, $label, '' );
		}
		if ( Key_Exchange::NEWER === $status ) {
			$left = isset( $key->json['until'] ) ? human_time_diff( time(), (int) $key->json['until'] ) : '?';
			/* translators: %s: a length of time. */
			return self::step( self::WARNED, $label, sprintf( __( 'There is a newer key, and the current one expires in %s. Choose "Fetch the new key" on this page.', 'relay-connector' ), $left ) );
		}
		if ( Key_Exchange::NONE_NEWER === $status ) {
			return self::step( self::WARNED, $label, __( 'The current key is being retired, and Relay has no newer one. Create one in Relay with "Rotate key".', 'relay-connector' ) );
		}
		return self::step( self::SKIPPED, $label, null === $key ? '' : __( 'This gateway cannot answer that. It is probably an older version.', 'relay-connector' ) );
	}

	/**
	 * Whether events are sent automatically.
	 *
	 * @return array
	 */
	private function trigger_step() {
		return self::step( $this->triggers->are_working() ? self::PASSED : self::WARNED, __( 'Events are sent automatically', 'relay-connector' ), $this->triggers->explain() );
	}

	/**
	 * Builds a step.
	 *
	 * @param string $state One of the constants.
	 * @param string $label The step's name.
	 * @param string $text  The detail.
	 * @return array
	 */
	private static function step( $state, $label, $text ) {
		return compact( 'state', 'label', 'text' );
	}
}
