<?php
/**
 * The base class of event sources.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Sending\Envelope;
use Relay_Connector\Sending\New_Event;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Sending\Revision;
use Relay_Connector\Settings;
use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

/**
 * An event source that an admin can switch off. Errors in its hooks never reach the code that fired them.
 *
 * A hook calls one of the four queue methods. Each names the object by a type, such as "order", and an id. Events of one
 * object are sent in the order in which they were queued, whichever source queued them, and their revisions grow:
 *
 *   queue_once()    An event that an object has once, such as "created".
 *   queue_change()  An event for each change, such as "status changed". Equal changes in a row are one change.
 *   queue_update()  "The object is different now". Several updates before the event is sent are one event.
 *   queue_data()    An event with data that cannot be read later, such as "deleted".
 */
abstract class Base_Source implements Event_Source {

	/**
	 * How long an update is held, unless the request ends before. Updates of the same object in one request are one event
	 * as long as the event cannot have been sent.
	 */
	const UPDATE_HOLD_S = 300;
	const ONE_UPDATE_S  = 60;

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	protected $settings;

	/**
	 * The outbox.
	 *
	 * @var Outbox
	 */
	protected $outbox;

	/**
	 * What the admin has chosen.
	 *
	 * @var Event_Choices
	 */
	protected $choices;

	/**
	 * When this request has queued an update, in Unix seconds by site, type and object.
	 *
	 * @var int[]
	 */
	private $updated = array();

	/**
	 * Takes the settings, the outbox and the choices.
	 *
	 * @param Settings      $settings The settings.
	 * @param Outbox        $outbox   The outbox.
	 * @param Event_Choices $choices  What the admin has chosen.
	 */
	public function __construct( Settings $settings, Outbox $outbox, Event_Choices $choices ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->choices  = $choices;
	}

	/**
	 * The short name that the choices use.
	 *
	 * @return string
	 */
	abstract public function slug();

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	abstract public function label();

	/**
	 * The help text on the settings page: what is sent and when.
	 *
	 * @return string
	 */
	abstract public function help();

	/**
	 * Whether what it listens to exists on this site.
	 *
	 * @return bool
	 */
	public function is_available() {
		return true;
	}

	/**
	 * Supported plugins that are not active.
	 *
	 * @return string[] Their names.
	 */
	public function missing() {
		return array();
	}

	/**
	 * The fields that an admin can switch off.
	 *
	 * @return string[] Labels by field name.
	 */
	public function optional_fields() {
		return array();
	}

	/**
	 * Further options of the source.
	 *
	 * @return string[] Labels by option name.
	 */
	public function own_options() {
		return array();
	}

	/**
	 * Checks that the source is still switched on.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn If it is not.
	 */
	public function check( $row ) {
		if ( ! $this->choices->is_enabled( $this->slug() ) ) {
			throw new Event_Withdrawn( esc_html__( 'Not sent, because events of this type were turned off under Settings → Relay.', 'relay-connector' ) );
		}
	}

	/**
	 * Records nothing: most objects can only produce one event.
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
	 * Runs a hook's code if events are recorded and the source is switched on. Errors are caught, so that the comment,
	 * order or form is not affected.
	 *
	 * @param callable $callback The code to run.
	 */
	protected function run_safely( callable $callback ) {
		try {
			// An import brings old objects, not new ones.
			if ( defined( 'WP_IMPORTING' ) && WP_IMPORTING ) {
				return;
			}
			if ( $this->settings->collects_events() && $this->choices->is_enabled( $this->slug() ) ) {
				$callback();
			}
		} catch ( \Throwable $error ) {
			Lost_Events::record( $this->slug() . ': ' . $error->getMessage() );
		}
	}

	/**
	 * Queues an event that an object has once. It is built from the object when it is sent.
	 *
	 * @param string $type        The event type.
	 * @param string $object_type Such as comment.
	 * @param int    $object_id   The object.
	 */
	protected function queue_once( $type, $object_type, $object_id ) {
		$event             = new New_Event( $type, $object_id, $object_type . ':' . $object_id );
		$event->dedupe_key = $type . ':' . $object_id;
		$this->outbox->add( $event );
	}

	/**
	 * Queues an event for a change of an object. It is built from the object when it is sent, and $row->detail says what
	 * changed. A change with the same detail as the object's event before it, with nothing in between, is not sent again.
	 *
	 * @param string $type        The event type.
	 * @param string $object_type Such as product.
	 * @param int    $object_id   The object.
	 * @param string $detail      What changed, up to 100 characters, such as "5:0" for the stock.
	 */
	protected function queue_change( $type, $object_type, $object_id, $detail ) {
		$event         = new New_Event( $type, $object_id, $object_type . ':' . $object_id );
		$event->detail = $detail;
		$this->outbox->add( $event );
	}

	/**
	 * Queues an event that says that an object is different now. It is built from the object when it is sent, after the
	 * end of the request.
	 *
	 * @param string $type        The event type.
	 * @param string $object_type Such as product.
	 * @param int    $object_id   The object.
	 */
	protected function queue_update( $type, $object_type, $object_id ) {
		$event         = new New_Event( $type, $object_id, $object_type . ':' . $object_id );
		$event->hold_s = self::UPDATE_HOLD_S;
		$key           = get_current_blog_id() . ':' . $type . ':' . $event->object_key;
		if ( ! isset( $this->updated[ $key ] ) || time() - $this->updated[ $key ] > self::ONE_UPDATE_S ) {
			$this->updated[ $key ] = time();
			$this->outbox->add( $event );
		}
	}

	/**
	 * Queues an event with its data, because the object cannot be read later.
	 *
	 * @param string $type        The event type.
	 * @param string $object_type Such as product.
	 * @param int    $object_id   The object.
	 * @param array  $data        The event's own fields.
	 * @throws \RuntimeException If the data cannot be encoded.
	 */
	protected function queue_data( $type, $object_type, $object_id, array $data ) {
		$event_id = 'wp-' . wp_generate_uuid4();
		$revision = Revision::next();
		/** This filter is documented in includes/sending/class-outbox-runner.php */
		$data = (array) apply_filters( 'relay_connector_event_data', $data, $type, $object_id );
		$body = Envelope::encode( $type, $event_id, $data, time(), $revision );
		if ( '' === $body ) {
			throw new \RuntimeException( esc_html__( 'an event could not be encoded as JSON', 'relay-connector' ) );
		}
		$this->outbox->add_with_body( $type, $event_id, $body, '', $object_id, $object_type . ':' . $object_id, $revision );
	}

	/**
	 * A number from a hook's argument. A plain cast would turn any non-empty array into 1.
	 *
	 * @param mixed $value The argument.
	 * @return int 0 if it is not a number.
	 */
	protected static function number( $value ) {
		return is_numeric( $value ) ? (int) $value : 0;
	}
}
