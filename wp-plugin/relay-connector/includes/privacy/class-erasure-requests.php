<?php
/**
 * Erasure requests to the gateway.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Privacy;

use Relay_Connector\Events\Event_Source;
use Relay_Connector\Sending\Envelope;
use Relay_Connector\Sending\Outbox;

defined( 'ABSPATH' ) || exit;

/**
 * A request is a row of the outbox like any event, so that it survives an outage. Its body, with the e-mail address, is
 * built at once and deleted when the gateway has accepted it.
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
	 * Registers nothing: the eraser adds the requests.
	 */
	public function add_hooks() {
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return self::TYPE === $type;
	}

	/**
	 * Records a request.
	 *
	 * @param string $email The e-mail address of the person to erase.
	 * @return bool Whether it was recorded.
	 */
	public function add( $email ) {
		$id = 'wp-erase-' . wp_generate_uuid4();
		return $this->outbox->add_with_body( self::TYPE, $id, Envelope::encode( self::TYPE, $id, array( 'email' => $email ) ) );
	}

	/**
	 * A request is always valid.
	 *
	 * @param object $row The row.
	 */
	public function check( $row ) {
	}

	/**
	 * The body was built when the request was recorded. Without it the person is unknown.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		return array();
	}

	/**
	 * Records nothing.
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
	 * The display name of an event.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		return array(
			'label' => __( 'Request to erase personal data', 'relay-connector' ),
			'url'   => '',
		);
	}
}
