<?php
/**
 * Whether anything may be sent now.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Open, held until a moment (the gateway asked for it), or paused until a person has looked. While paused one event an
 * hour is still tried, so that a fault mended on the gateway's side ends the pause without anybody's help here.
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
	 * Needs to see when the connection is changed.
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
	 * Why all sending is paused; null when it is not. Another address or key ends a pause by itself.
	 *
	 * @return array|null With sentence, status, since.
	 */
	public function pause() {
		$state = $this->read();
		return $state && 'paused' === $state['kind'] ? $state : null;
	}

	/**
	 * The moment until which the gateway asked for quiet; 0 when it did not.
	 *
	 * @return int Unix seconds.
	 */
	public function held_until() {
		$state = $this->read();
		return $state && 'held' === $state['kind'] && $state['until'] > time() ? $state['until'] : 0;
	}

	/**
	 * The moment from which a row may be sent.
	 *
	 * @return int Unix seconds, 0 for now.
	 */
	public function allows_sending_at() {
		$state = $this->read();
		return $state ? (int) $state['until'] : 0;
	}

	/**
	 * Takes in what an attempt has shown.
	 *
	 * @param Send_Decision $decision What it means.
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
	 * Lets everything pass again.
	 */
	public function reset() {
		if ( get_option( self::OPTION ) ) {
			delete_option( self::OPTION );
		}
	}

	/**
	 * What is kept, unless it was said about another address or key.
	 *
	 * @return array|null
	 */
	private function read() {
		$state = get_option( self::OPTION );
		if ( ! is_array( $state ) || $state['connection'] !== $this->settings->connection_hash() ) {
			return null;
		}
		return $state;
	}

	/**
	 * Keeps it.
	 *
	 * @param string        $kind     Either held or paused.
	 * @param int           $until    Unix seconds.
	 * @param Send_Decision $decision What led to it.
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
				'sentence'   => $decision->explanation,
				'connection' => $this->settings->connection_hash(),
			)
		);
	}
}
