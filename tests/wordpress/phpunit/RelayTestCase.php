<?php
/**
 * A test inside WordPress, connected to a simulated gateway. Changes are rolled back.
 */

use PHPUnit\Framework\TestCase;
use Relay_Connector\Sending\Gateway_Client;
use Relay_Connector\Events\Base_Source;
use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Orders;
use Relay_Connector\Sending\Circuit_Breaker;
use Relay_Connector\Sending\New_Event;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Plugin;
use Relay_Connector\Reporting\Daily_Reports;
use Relay_Connector\Sending\Outbox_Runner;
use Relay_Connector\Settings;
use Relay_Connector\Reporting\Daily_Counts;
use Relay_Connector\Status\Lost_Events;

abstract class RelayTestCase extends TestCase {

	const SECRET = 'phpunit_secret-0123456789-abcdefghijklmnopqrst';

	/** @var array[] The sent requests: headers and body. */
	protected $requests = array();

	/** @var int The status of the gateway's response. */
	protected $status = 202;

	/** @var string The body of the gateway's response. */
	protected $answer = '{"status":"accepted"}';

	protected function setUp(): void {
		global $wpdb;
		$wpdb->query( 'START TRANSACTION' );
		wp_cache_flush();
		update_option( Settings::ENDPOINT, 'http://' . RELAY_CONNECTOR_ALLOW_HOST . '/webhooks/wp/lab' );
		update_option( Settings::SECRET, array( self::SECRET ) );
		update_option( Settings::KEY_ID, 'key_unit' );
		update_option( Event_Choices::OPTION, array() );
		$wpdb->query( "DELETE FROM {$wpdb->relay_connector_outbox}" );
		add_filter( 'pre_http_request', array( $this, 'answer' ), 10, 3 );
	}

	protected function tearDown(): void {
		global $wpdb;
		remove_filter( 'pre_http_request', array( $this, 'answer' ), 10 );
		// Held events must not carry over to the next test, which uses the same ids.
		$this->end_request();
		$lost_events = Lost_Events::read();
		$wpdb->query( 'ROLLBACK' );
		wp_cache_flush();
		$this->assertNull( $lost_events, 'no event was lost' );
	}

	/** Handles a request instead of the network. */
	public function answer( $done, $args, $url ) {
		$this->requests[] = array(
			'headers' => $args['headers'],
			'body'    => $args['body'],
		);
		if ( 202 === $this->status ) {
			file_put_contents( RELAY_LAB_EVENTS, $args['body'] . "\n", FILE_APPEND );
		}
		return array(
			'headers'  => array( 'content-type' => 'application/json' ),
			'body'     => $this->answer,
			'response' => array(
				'code'    => $this->status,
				'message' => '',
			),
			'cookies'  => array(),
		);
	}

	/** Ends the request for held events, as WordPress does. */
	protected function end_request() {
		global $wp_filter;
		foreach ( $wp_filter['shutdown']->callbacks[ Orders::SHUTDOWN_PRIORITY ] as $one ) {
			if ( is_array( $one['function'] ) && $one['function'][0] instanceof Orders ) {
				call_user_func( $one['function'] );
				$outbox = new ReflectionProperty( Base_Source::class, 'outbox' );
				$outbox->setAccessible( true );
				$outbox->getValue( $one['function'][0] )->release_held();
			}
		}
	}

	/** Records an event that an object has once, as a source does. */
	protected function record_once( $type, $id ) {
		$event             = new New_Event( $type, $id, '' );
		$event->dedupe_key = "$type:$id";
		( new Outbox() )->add( $event );
	}

	/**
	 * Sends all waiting events; returns them as the gateway receives them.
	 *
	 * @return array[]
	 */
	protected function send_all() {
		$this->end_request();
		$this->requests = array();
		$this->runner()->run();
		return array_values(
			array_filter(
				array_map(
					static function ( $request ) {
						return json_decode( $request['body'], true );
					},
					$this->requests
				),
				static function ( $event ) {
					return 'relay.report' !== $event['event'];
				}
			)
		);
	}

	/** The fields of the only waiting event. */
	protected function sent( $type ) {
		$events = $this->send_all();
		$this->assertCount( 1, $events, wp_json_encode( $events ) );
		$this->assertSame( $type, $events[0]['event'] );
		return $events[0]['data'];
	}

	protected function runner() {
		$settings = new Settings();
		$outbox   = new Outbox();
		$breaker     = new Circuit_Breaker( $settings );
		$client   = new Gateway_Client( $settings );
		return new Outbox_Runner( $settings, $outbox, $breaker, $client, $this->sources( $outbox ), new Daily_Reports( $settings, new Daily_Counts(), $breaker, $client ) );
	}

	/** @return Base_Source[] */
	protected function sources( Outbox $outbox ) {
		return array_map(
			static function ( $class ) use ( $outbox ) {
				return new $class( new Settings(), $outbox, new Event_Choices() );
			},
			Plugin::EVENT_SOURCES
		);
	}

	/** @return object[] */
	protected function rows() {
		global $wpdb;
		return $wpdb->get_results( "SELECT * FROM {$wpdb->relay_connector_outbox} ORDER BY id" );
	}

	/** The dedupe keys, in the order in which they were recorded. */
	protected function keys() {
		return wp_list_pluck( $this->rows(), 'dedupe_key' );
	}

	protected function choose( array $choices ) {
		update_option( Event_Choices::OPTION, $choices );
	}
}
