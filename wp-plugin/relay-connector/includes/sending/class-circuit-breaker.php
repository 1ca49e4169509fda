<?php
/**
 * The circuit breaker.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

use Relay_Connector\Ascii;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Closed (everything is sent), held until a time that the gateway asked for, or paused. While paused, one event an hour
 * is tried, so that sending resumes by itself once the cause is fixed on the gateway.
 */
final class Circuit_Breaker {

	const OPTION  = 'relay_connector_gate';
	const PROBE_S = 3600;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * Takes the settings: a pause ends when the connection is changed.
	 *
	 * @param Settings $settings The settings.
	 */
	public function __construct( Settings $settings ) {
		$this->settings = $settings;
	}

	/**
	 * Whether a row may be sent now.
	 *
	 * @return bool
	 */
	public function allows_sending() {
		$state = $this->read();
		return ! $state || time() >= $state['until'];
	}

	/**
	 * Why sending is paused; null if it is not. Another address or key ends a pause.
	 *
	 * @return array|null With sentence, status, since.
	 */
	public function pause() {
		$state = $this->read();
		return $state && 'paused' === $state['kind'] ? $state : null;
	}

	/**
	 * When the next row may be sent.
	 *
	 * @return int Unix seconds, 0 for now.
	 */
	public function allows_sending_at() {
		$state = $this->read();
		return $state ? (int) $state['until'] : 0;
	}

	/**
	 * Records the outcome of an attempt.
	 *
	 * @param Send_Decision $decision The decision.
	 */
	public function record( Send_Decision $decision ) {
		if ( $decision->pauses ) {
			$pause = $this->pause();
			$this->write( 'paused', time() + self::PROBE_S, $decision, $pause ? $pause['since'] : time() );
		} elseif ( $decision->hold_s > 0 ) {
			$this->write( 'held', time() + $decision->hold_s, $decision, time() );
		} elseif ( $decision->status > 0 && $decision->status < 500 ) {
			$this->reset();
		}
	}

	/**
	 * Ends a hold or a pause.
	 */
	public function reset() {
		if ( get_option( self::OPTION ) ) {
			delete_option( self::OPTION );
		}
	}

	/**
	 * The stored state, unless it belongs to another address or key.
	 *
	 * @return array|null
	 */
	private function read() {
		$state = get_option( self::OPTION );
		if ( ! is_array( $state ) || $state['connection'] !== $this->settings->connection_hash() ) {
			return null;
		}
		$state['sentence'] = (string) Ascii::decode( $state['sentence'] );
		return $state;
	}

	/**
	 * Stores the state.
	 *
	 * @param string        $kind     Either held or paused.
	 * @param int           $until    Unix seconds.
	 * @param Send_Decision $decision The decision that caused it.
	 * @param int           $since    Unix seconds.
	 */
	private function write( $kind, $until, Send_Decision $decision, $since ) {
		update_option(
			self::OPTION,
			array(
				'kind'       => $kind,
				'until'      => $until,
				'since'      => $since,
				'status'     => $decision->status,
				'sentence'   => Ascii::encode( $decision->explanation ),
				'connection' => $this->settings->connection_hash(),
			)
		);
	}
}
