<?php
/**
 * Asking the gateway to forget a person.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Privacy;

use Relay_Connector\Events\Event_Source;
use Relay_Connector\Sending\Envelope;
use Relay_Connector\Sending\Outbox;

defined( 'ABSPATH' ) || exit;

/**
 * A request is a row of the outbox like any event, so that it survives an outage too. Its body, with the e-mail
 * address, is made at once and removed when the gateway has it.
 */
final class Erasure_Requests implements Event_Source {

	const TYPE = 'relay.erase';

	/**
	 * The outbox.
	 *
	 * @var Outbox
	 */
	private $outbox;

	/**
	 * Takes the outbox.
	 *
	 * @param Outbox $outbox The outbox.
	 */
	public function __construct( Outbox $outbox ) {
		$this->outbox = $outbox;
	}

	/**
	 * Nothing is listened to: the eraser notes requests down.
	 */
	public function add_hooks() {
	}

	/**
	 * Whether events of a type come from here.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return self::TYPE === $type;
	}

	/**
	 * Notes a request down.
	 *
	 * @param string $email Whom the gateway shall forget.
	 * @return bool Whether it is noted down.
	 */
	public function add( $email ) {
		$id = 'wp-erase-' . wp_generate_uuid4();
		return $this->outbox->add_with_body( self::TYPE, $id, Envelope::encode( self::TYPE, $id, array( 'email' => $email ) ) );
	}

	/**
	 * A request always stands.
	 *
	 * @param object $row The row.
	 */
	public function check( $row ) {
	}

	/**
	 * The body was made when the request was noted down; without it nobody knows whom it was about.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		return array();
	}

	/**
	 * Nothing is to be remembered.
	 *
	 * @param object $row The row.
	 */
	public function record_sent( $row ) {
	}

	/**
	 * The person's e-mail address.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	public function email( $row ) {
		return '';
	}

	/**
	 * How an admin would call it.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		return array(
			'label' => __( 'Request to erase a person\'s data', 'relay-connector' ),
			'url'   => '',
		);
	}
}
