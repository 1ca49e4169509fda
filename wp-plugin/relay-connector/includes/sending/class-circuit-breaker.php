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
	public function is_open() {
		$gate = $this->read();
		return ! $gate || time() >= $gate['until'];
	}

	/**
	 * Why all sending is paused; null when it is not. Another address or key ends a pause by itself.
	 *
	 * @return array|null With sentence, status, since.
	 */
	public function pause() {
		$gate = $this->read();
		return $gate && 'paused' === $gate['kind'] ? $gate : null;
	}

	/**
	 * The moment until which the gateway asked for quiet; 0 when it did not.
	 *
	 * @return int Unix seconds.
	 */
	public function held_until() {
		$gate = $this->read();
		return $gate && 'held' === $gate['kind'] && $gate['until'] > time() ? $gate['until'] : 0;
	}

	/**
	 * The moment from which a row may be sent.
	 *
	 * @return int Unix seconds, 0 for now.
	 */
	public function opens_at() {
		$gate = $this->read();
		return $gate ? (int) $gate['until'] : 0;
	}

	/**
	 * Takes in what an attempt has shown.
	 *
	 * @param Send_Decision $verdict What it means.
	 */
	public function observe( Send_Decision $verdict ) {
		if ( $verdict->pauses ) {
			$pause = $this->pause();
			$this->write( 'paused', time() + self::PROBE_S, $verdict, $pause ? $pause['since'] : time() );
		} elseif ( $verdict->hold_s > 0 ) {
			$this->write( 'held', time() + $verdict->hold_s, $verdict, time() );
		} elseif ( $verdict->status > 0 && $verdict->status < 500 ) {
			$this->open();
		}
	}

	/**
	 * Lets everything pass again.
	 */
	public function open() {
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
		$gate = get_option( self::OPTION );
		if ( ! is_array( $gate ) || $gate['connection'] !== $this->settings->connection_hash() ) {
			return null;
		}
		return $gate;
	}

	/**
	 * Keeps it.
	 *
	 * @param string        $kind    Either held or paused.
	 * @param int           $until   Unix seconds.
	 * @param Send_Decision $verdict What led to it.
	 * @param int           $since   Unix seconds.
	 */
	private function write( $kind, $until, Send_Decision $verdict, $since ) {
		update_option(
			self::OPTION,
			array(
				'kind'       => $kind,
				'until'      => $until,
				'since'      => $since,
				'status'     => $verdict->status,
				'sentence'   => $verdict->sentence,
				'connection' => $this->settings->connection_hash(),
			)
		);
	}
}
