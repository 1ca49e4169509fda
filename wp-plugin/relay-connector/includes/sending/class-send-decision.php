<?php
/**
 * The decision after a response.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Sending;

defined( 'ABSPATH' ) || exit;

/**
 * The next state of a row, when it is due again, and whether the whole queue is held or paused.
 */
final class Send_Decision {

	/**
	 * With the waits of wait_s() this takes about two weeks. Then the row is parked and a person decides.
	 */
	const MOST_ATTEMPTS  = 340;
	const FIRST_WAIT_S   = 60;
	const LONGEST_WAIT_S = 3600;

	/**
	 * The row's next state.
	 *
	 * @var string
	 */
	public $state = Outbox::WAITING;

	/**
	 * Seconds until the row is due again.
	 *
	 * @var int
	 */
	public $wait_s = 0;

	/**
	 * Seconds for which nothing is sent at all.
	 *
	 * @var int
	 */
	public $hold_s = 0;

	/**
	 * Whether all sending is paused.
	 *
	 * @var bool
	 */
	public $pauses = false;

	/**
	 * HTTP status, 0 if there was no response.
	 *
	 * @var int
	 */
	public $status = 0;

	/**
	 * The explanation stored with the row.
	 *
	 * @var string
	 */
	public $explanation = '';

	/**
	 * Decides what to do after a response.
	 *
	 * @param Gateway_Response $response The response.
	 * @param string           $kind     How Response_Classifier classifies it.
	 * @param string           $sentence Its explanation.
	 * @param int              $attempts The number of attempts, including this one.
	 * @param float            $jitter   Between 0 and 1.
	 * @return self
	 */
	public static function for_response( Gateway_Response $response, $kind, $sentence, $attempts, $jitter ) {
		$decision              = new self();
		$decision->status      = $response->status;
		$decision->explanation = $sentence;
		switch ( $kind ) {
			case Response_Classifier::ACCEPTED:
			case Response_Classifier::DUPLICATE:
				$decision->state = Outbox::SENT;
				return $decision;
			case Response_Classifier::REFUSED:
				$decision->state = Outbox::PARKED;
				return $decision;
			case Response_Classifier::LIMITED:
			case Response_Classifier::BUSY:
			case Response_Classifier::UNREACHABLE:
				$decision->wait_s = max( self::wait_s( $attempts, $jitter ), $response->retry_after_s );
				$decision->hold_s = Response_Classifier::LIMITED === $kind ? $decision->wait_s : $response->retry_after_s;
				if ( Response_Classifier::LIMITED !== $kind && $attempts >= self::MOST_ATTEMPTS ) {
					return self::parked( $response->status, $sentence . ' ' . __( 'This has lasted for about two weeks, so the event is no longer retried automatically. Choose "Try again" when the gateway works.', 'relay-connector' ) );
				}
				return $decision;
			default:
				// The cause is not the row: it stays due and is sent first when sending resumes.
				$decision->pauses = true;
				return $decision;
		}
	}

	/**
	 * A row that cannot be sent as it is.
	 *
	 * @param int    $status   HTTP status, 0 when nothing was sent.
	 * @param string $sentence The reason.
	 * @return self
	 */
	public static function parked( $status, $sentence ) {
		$decision              = new self();
		$decision->state       = Outbox::PARKED;
		$decision->status      = $status;
		$decision->explanation = $sentence;
		return $decision;
	}

	/**
	 * A row with an object that must not be sent any more.
	 *
	 * @param string $sentence The reason.
	 * @return self
	 */
	public static function withdrawn( $sentence ) {
		$decision              = new self();
		$decision->state       = Outbox::WITHDRAWN;
		$decision->explanation = $sentence;
		return $decision;
	}

	/**
	 * The wait after an attempt: twice as long each time, up to one hour, with 20 % jitter, so that many sites do not retry in
	 * the same second.
	 *
	 * @param int   $attempts The number of attempts.
	 * @param float $jitter   Between 0 and 1.
	 * @return int
	 */
	private static function wait_s( $attempts, $jitter ) {
		$wait = min( self::LONGEST_WAIT_S, self::FIRST_WAIT_S * pow( 2, max( 0, min( 10, $attempts - 1 ) ) ) );
		return (int) round( $wait * ( 0.8 + 0.4 * $jitter ) );
	}
}
