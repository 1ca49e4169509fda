<?php
/**
 * The way to the gateway, step by step.
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
 * One signed request shows each step of the way: which ones were right, which one was wrong, and which were not
 * reached. The last steps are about this site itself: what sends events when nobody presses a button.
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
	 * The wake-ups.
	 *
	 * @var Triggers
	 */
	private $wake_ups;

	/**
	 * Takes what it looks at.
	 *
	 * @param Settings $settings The settings.
	 * @param Triggers $wake_ups The wake-ups.
	 */
	public function __construct( Settings $settings, Triggers $wake_ups ) {
		$this->settings = $settings;
		$this->wake_ups = $wake_ups;
	}

	/**
	 * Every step.
	 *
	 * @param Gateway_Response|null $answer What the test event brought back; null when a setting is missing.
	 * @param Gateway_Response|null $key    What the gateway says about the key; null when it was not asked.
	 * @return array[] Each with state, label and text. The one that is wrong has no text: Diagnosis explains it.
	 */
	public function of( $answer, $key ) {
		$steps = array(
			'settings'   => __( 'Address and secret are set', 'relay-connector' ),
			'address'    => __( 'The address may be called', 'relay-connector' ),
			'name'       => __( 'Its name is found (DNS)', 'relay-connector' ),
			'connection' => __( 'The gateway answers', 'relay-connector' ),
			'gateway'    => __( 'It is a Relay gateway', 'relay-connector' ),
			'clock'      => __( 'The clocks agree', 'relay-connector' ),
			'signature'  => __( 'Key and signature are accepted', 'relay-connector' ),
			'event'      => __( 'The test event is accepted', 'relay-connector' ),
		);
		$wrong = $this->wrong_step( $answer );
		$hops  = array();
		$state = self::PASSED;
		foreach ( $steps as $step => $label ) {
			if ( $step === $wrong ) {
				$hops[] = self::hop( self::FAILED, $label, '' );
				$state  = self::SKIPPED;
				continue;
			}
			$hops[] = self::hop( $state, $label, self::PASSED === $state ? $this->detail( $step, $answer ) : '' );
		}
		$hops[] = $this->key_hop( $key );
		$hops[] = $this->wake_up_hop();
		return $hops;
	}

	/**
	 * The step that went wrong; '' when none did.
	 *
	 * @param Gateway_Response|null $answer What came back.
	 * @return string
	 */
	private function wrong_step( $answer ) {
		if ( null === $answer ) {
			return 'settings';
		}
		$by_failure = array(
			Gateway_Response::ADDRESS          => 'address',
			Gateway_Response::INTERNAL_ADDRESS => 'address',
			Gateway_Response::NAME_NOT_FOUND   => 'name',
		);
		if ( '' !== $answer->failure ) {
			return isset( $by_failure[ $answer->failure ] ) ? $by_failure[ $answer->failure ] : 'connection';
		}
		$kind  = ( new Response_Classifier( $this->settings ) )->kind( $answer );
		$is_on = null !== $answer->clock_ahead_s && abs( $answer->clock_ahead_s ) >= Response_Classifier::CLOCK_LIMIT_S;
		switch ( $kind ) {
			case Response_Classifier::ACCEPTED:
			case Response_Classifier::DUPLICATE:
				return '';
			case Response_Classifier::WRONG_ADDRESS:
				return 'gateway';
			case Response_Classifier::UNAUTHORIZED:
				if ( $answer->is_html ) {
					return 'gateway';
				}
				return $is_on ? 'clock' : 'signature';
			case Response_Classifier::NOT_ALLOWED:
				return $answer->is_html ? 'gateway' : 'signature';
			default:
				return 'event';
		}
	}

	/**
	 * What is to be said about a step that was right.
	 *
	 * @param string           $step   The step.
	 * @param Gateway_Response $answer What came back.
	 * @return string
	 */
	private function detail( $step, Gateway_Response $answer ) {
		$address = new Gateway_Address( $this->settings->endpoint() );
		switch ( $step ) {
			case 'name':
				return $address->host() . ' → ' . implode( ', ', array_slice( $address->resolve(), 0, 3 ) );
			case 'connection':
				/* translators: 1: host and port, 2: milliseconds. */
				return sprintf( __( '%1$s, after %2$d ms', 'relay-connector' ), $address->host() . ':' . $address->port(), $answer->took_ms );
			case 'clock':
				/* translators: %d: seconds. */
				return null === $answer->clock_ahead_s ? __( 'The gateway does not tell its time.', 'relay-connector' ) : sprintf( __( '%d s apart', 'relay-connector' ), abs( $answer->clock_ahead_s ) );
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
	 * @param Gateway_Response|null $key What the gateway says about it.
	 * @return array
	 */
	private function key_hop( $key ) {
		$label  = __( 'The key is the newest', 'relay-connector' );
		$status = null !== $key && 200 === $key->status && isset( $key->json['status'] ) ? $key->json['status'] : '';
		if ( Key_Exchange::CURRENT === $status ) {
			return self::hop( self::PASSED, $label, '' );
		}
		if ( Key_Exchange::NEWER === $status ) {
			$left = isset( $key->json['until'] ) ? human_time_diff( time(), (int) $key->json['until'] ) : '?';
			/* translators: %s: a length of time. */
			return self::hop( self::WARNED, $label, sprintf( __( 'There is a newer key, and the one in use ends in %s. Choose "Fetch the new key" on this page.', 'relay-connector' ), $left ) );
		}
		if ( Key_Exchange::NONE_NEWER === $status ) {
			return self::hop( self::WARNED, $label, __( 'The key in use is being retired, and Relay has no newer one. Make one there with "Rotate".', 'relay-connector' ) );
		}
		return self::hop( self::SKIPPED, $label, null === $key ? '' : __( 'This gateway does not tell; it is probably an older version.', 'relay-connector' ) );
	}

	/**
	 * Whether events are sent without anybody's help.
	 *
	 * @return array
	 */
	private function wake_up_hop() {
		return self::hop( $this->wake_ups->work() ? self::PASSED : self::WARNED, __( 'Events are sent by themselves', 'relay-connector' ), $this->wake_ups->sentence() );
	}

	/**
	 * A step in its shape.
	 *
	 * @param string $state One of the constants.
	 * @param string $label What the step is.
	 * @param string $text  What is to be said about it.
	 * @return array
	 */
	private static function hop( $state, $label, $text ) {
		return compact( 'state', 'label', 'text' );
	}
}
