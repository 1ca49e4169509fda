<?php
/**
 * The plugin's objects.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

use Relay_Connector\Events\Base_Source;
use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Keys\Connect_Flow;
use Relay_Connector\Keys\Key_Exchange;
use Relay_Connector\Privacy\Erasure_Requests;
use Relay_Connector\Privacy\Privacy_Tools;
use Relay_Connector\Reporting\Daily_Counts;
use Relay_Connector\Reporting\Daily_Reports;
use Relay_Connector\Results\Comment_Summaries;
use Relay_Connector\Results\Result_Callback;
use Relay_Connector\Sending\Circuit_Breaker;
use Relay_Connector\Sending\Gateway_Client;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Sending\Outbox_Runner;
use Relay_Connector\Sending\Triggers;
use Relay_Connector\Status\Connection_Steps;
use Relay_Connector\Status\Connection_Test;
use Relay_Connector\Status\Email_Alert;
use Relay_Connector\Status\Site_Health;
use Relay_Connector\Status\Status;

defined( 'ABSPATH' ) || exit;

/**
 * Creates each object when it is first needed. A visitor's request needs only a few of them, and each class costs time to
 * load.
 */
final class Services {

	/**
	 * The classes of the event sources.
	 *
	 * @var string[]
	 */
	private $source_classes;

	/**
	 * The objects that exist, by name.
	 *
	 * @var object[]
	 */
	private $made = array();

	/**
	 * Takes the classes of the event sources.
	 *
	 * @param string[] $source_classes The classes.
	 */
	public function __construct( array $source_classes ) {
		$this->source_classes = $source_classes;
	}

	/**
	 * The connection settings.
	 *
	 * @return Settings
	 */
	public function settings() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Settings();
			}
		);
	}

	/**
	 * The outbox.
	 *
	 * @return Outbox
	 */
	public function outbox() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Outbox();
			}
		);
	}

	/**
	 * What the admin has chosen to send.
	 *
	 * @return Event_Choices
	 */
	public function choices() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Event_Choices();
			}
		);
	}

	/**
	 * The event sources, in the order of the settings page.
	 *
	 * @return Base_Source[]
	 */
	public function sources() {
		return array_map( array( $this, 'source' ), $this->source_classes );
	}

	/**
	 * One event source.
	 *
	 * @param string $source Its class.
	 * @return Base_Source
	 */
	public function source( $source ) {
		return $this->once(
			$source,
			function () use ( $source ) {
				return new $source( $this->settings(), $this->outbox(), $this->choices() );
			}
		);
	}

	/**
	 * The circuit breaker.
	 *
	 * @return Circuit_Breaker
	 */
	public function breaker() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Circuit_Breaker( $this->settings() );
			}
		);
	}

	/**
	 * The client.
	 *
	 * @return Gateway_Client
	 */
	public function client() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Gateway_Client( $this->settings() );
			}
		);
	}

	/**
	 * The erasure requests.
	 *
	 * @return Erasure_Requests
	 */
	public function erasure_requests() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Erasure_Requests( $this->outbox() );
			}
		);
	}

	/**
	 * The daily counts.
	 *
	 * @return Daily_Counts
	 */
	public function daily_counts() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Daily_Counts();
			}
		);
	}

	/**
	 * The daily reports.
	 *
	 * @return Daily_Reports
	 */
	public function reports() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Daily_Reports( $this->settings(), $this->daily_counts(), $this->breaker(), $this->client() );
			}
		);
	}

	/**
	 * The runner.
	 *
	 * @return Outbox_Runner
	 */
	public function runner() {
		return $this->once(
			__FUNCTION__,
			function () {
				$sources = array_merge( $this->sources(), array( $this->erasure_requests() ) );
				return new Outbox_Runner( $this->settings(), $this->outbox(), $this->breaker(), $this->client(), $sources, $this->reports() );
			}
		);
	}

	/**
	 * The status.
	 *
	 * @return Status
	 */
	public function status() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Status( $this->settings(), $this->outbox(), $this->breaker() );
			}
		);
	}

	/**
	 * The alert e-mail.
	 *
	 * @return Email_Alert
	 */
	public function email_alert() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Email_Alert( $this->status() );
			}
		);
	}

	/**
	 * The key exchange.
	 *
	 * @return Key_Exchange
	 */
	public function keys() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Key_Exchange( $this->settings(), $this->client() );
			}
		);
	}

	/**
	 * Connecting with a button.
	 *
	 * @return Connect_Flow
	 */
	public function connect_flow() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Connect_Flow( $this->settings(), $this->client() );
			}
		);
	}

	/**
	 * The triggers.
	 *
	 * @return Triggers
	 */
	public function triggers() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Triggers();
			}
		);
	}

	/**
	 * The connection test.
	 *
	 * @return Connection_Test
	 */
	public function connection_test() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Connection_Test( $this->settings(), $this->client(), $this->breaker(), $this->keys(), new Connection_Steps( $this->settings(), $this->triggers() ) );
			}
		);
	}

	/**
	 * The endpoint for results.
	 *
	 * @return Result_Callback
	 */
	public function result_callback() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Result_Callback( $this->settings(), $this->outbox() );
			}
		);
	}

	/**
	 * The summaries of comments.
	 *
	 * @return Comment_Summaries
	 */
	public function comment_summaries() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Comment_Summaries();
			}
		);
	}

	/**
	 * The tools for personal data.
	 *
	 * @return Privacy_Tools
	 */
	public function privacy_tools() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Privacy_Tools( $this->settings(), $this->outbox(), $this->runner(), $this->erasure_requests() );
			}
		);
	}

	/**
	 * The tests for Site Health.
	 *
	 * @return Site_Health
	 */
	public function site_health() {
		return $this->once(
			__FUNCTION__,
			function () {
				return new Site_Health( $this->settings(), $this->status(), $this->triggers(), $this->keys() );
			}
		);
	}

	/**
	 * Whether an object was needed in this request.
	 *
	 * @param string $name Its name.
	 * @return bool
	 */
	public function is_made( $name ) {
		return isset( $this->made[ $name ] );
	}

	/**
	 * An object that is created only once.
	 *
	 * @param string   $name   Its name.
	 * @param callable $create Creates it.
	 * @return object
	 */
	private function once( $name, callable $create ) {
		if ( ! isset( $this->made[ $name ] ) ) {
			$this->made[ $name ] = $create();
		}
		return $this->made[ $name ];
	}
}
