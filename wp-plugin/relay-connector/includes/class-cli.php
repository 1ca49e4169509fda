<?php
/**
 * The WP-CLI commands.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

use Relay_Connector\Keys\Connection_String;
use Relay_Connector\Reporting\Daily_Counts;
use Relay_Connector\Sending\Outbox;
use Relay_Connector\Sending\Outbox_Query;
use Relay_Connector\Sending\Outbox_Runner;
use Relay_Connector\Sending\Scheduler;
use Relay_Connector\Sending\Triggers;
use Relay_Connector\Status\Connection_Steps;
use Relay_Connector\Status\Connection_Test;
use Relay_Connector\Status\Email_Alert;
use Relay_Connector\Status\Status;

defined( 'ABSPATH' ) || exit;

/**
 * Connect, status, test, send, retry, list, purge and report on the command line.
 */
final class Cli {

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The runner.
	 *
	 * @var Outbox_Runner
	 */
	private $runner;

	/**
	 * The daily counts.
	 *
	 * @var Daily_Counts
	 */
	private $daily_counts;

	/**
	 * The outbox.
	 *
	 * @var Outbox
	 */
	private $outbox;

	/**
	 * The status.
	 *
	 * @var Status
	 */
	private $status;

	/**
	 * The connection test.
	 *
	 * @var Connection_Test
	 */
	private $test;

	/**
	 * The alert e-mail.
	 *
	 * @var Email_Alert
	 */
	private $email_alert;

	/**
	 * Takes what the commands use.
	 *
	 * @param Settings        $settings     The settings.
	 * @param Outbox_Runner   $runner       The runner.
	 * @param Daily_Counts    $daily_counts The daily counts.
	 * @param Outbox          $outbox       The outbox.
	 * @param Status          $status       The status.
	 * @param Connection_Test $test         The connection test.
	 * @param Email_Alert     $email_alert  The alert e-mail.
	 */
	public function __construct( Settings $settings, Outbox_Runner $runner, Daily_Counts $daily_counts, Outbox $outbox, Status $status, Connection_Test $test, Email_Alert $email_alert ) {
		$this->settings     = $settings;
		$this->runner       = $runner;
		$this->daily_counts = $daily_counts;
		$this->outbox       = $outbox;
		$this->status       = $status;
		$this->test         = $test;
		$this->email_alert  = $email_alert;
	}

	/**
	 * Shows the status: waiting events, their age, and problems. Exits with an error if there is a problem.
	 *
	 * ## EXAMPLES
	 *
	 *     wp relay status
	 */
	public function status() {
		$summary  = $this->status->summary();
		$problems = $this->status->problems();
		/* translators: 1: web address, 2: a key id, 3: fingerprint of a secret. */
		\WP_CLI::log( sprintf( __( 'Gateway: %1$s, key %2$s, fingerprint %3$s', 'relay-connector' ), $this->value_or_dash( $this->settings->endpoint() ), $this->value_or_dash( $this->settings->key_id() ), $this->value_or_dash( $this->settings->fingerprint() ) ) );
		/* translators: 1: number of events, 2: number of events. */
		\WP_CLI::log( sprintf( __( 'Waiting: %1$d, failed: %2$d', 'relay-connector' ), $summary->waiting, $summary->parked ) );
		foreach ( $problems as $problem ) {
			\WP_CLI::log( $problem['title'] . ' ' . $problem['text'] );
		}
		if ( $problems ) {
			\WP_CLI::error( __( 'There are problems that need your attention.', 'relay-connector' ) );
			return;
		}
		if ( ! $this->settings->is_configured() ) {
			\WP_CLI::error( __( 'Relay is not set up. Set the gateway address and the secret under Settings → Relay or in wp-config.php.', 'relay-connector' ) );
			return;
		}
		\WP_CLI::success( __( 'No problems: no events are late.', 'relay-connector' ) );
	}

	/**
	 * Connects this site with a connection string from Relay and sends a test event.
	 *
	 * Without an argument, the connection string is read from standard input, so that it is in no shell history.
	 *
	 * ## OPTIONS
	 *
	 * [<connection-string>]
	 * : The connection string. It contains the secret: better leave it out.
	 *
	 * ## EXAMPLES
	 *
	 *     wp relay connect < connection.txt
	 *     flask sources create "Tea shop" https://shop.example.com --json | jq -r .connection | wp relay connect
	 *
	 * @param string[] $args The connection string, or nothing.
	 */
	public function connect( $args ) {
		$typed      = \WP_CLI::get_value_from_arg_or_stdin( $args, 0 );
		$connection = Connection_String::parse( $typed );
		$problem    = $connection ? $this->settings->connect( $connection ) : Connection_String::problem( $typed );
		if ( '' !== $problem ) {
			\WP_CLI::error( $problem );
			return;
		}
		/* translators: %s: host name. */
		\WP_CLI::log( sprintf( __( 'The connection to %s was saved.', 'relay-connector' ), wp_parse_url( $this->settings->endpoint(), PHP_URL_HOST ) ) );
		$this->test();
	}

	/**
	 * Sends a test event and shows each step of the connection.
	 *
	 * ## EXAMPLES
	 *
	 *     wp relay test
	 */
	public function test() {
		$result = $this->test->run();
		$marks  = array(
			Connection_Steps::PASSED  => '✓',
			Connection_Steps::FAILED  => '✗',
			Connection_Steps::WARNED  => '!',
			Connection_Steps::SKIPPED => '-',
		);
		foreach ( $result['steps'] as $step ) {
			\WP_CLI::log( trim( $marks[ $step['state'] ] . ' ' . $step['label'] . ( '' === $step['text'] ? '' : ': ' . $step['text'] ) ) );
		}
		if ( $result['passed'] ) {
			\WP_CLI::success( $result['text'] );
			return;
		}
		\WP_CLI::error( $result['text'] );
	}

	/**
	 * Lists events, newest first.
	 *
	 * ## OPTIONS
	 *
	 * [--state=<state>]
	 * : waiting, parked (failed), sent or withdrawn. Default: all.
	 *
	 * [--type=<type>]
	 * : An event type such as comment.created.
	 *
	 * [--limit=<limit>]
	 * : The maximum number of events. Default: 50.
	 *
	 * [--format=<format>]
	 * : table, json, csv or ids. Default: table.
	 *
	 * ## EXAMPLES
	 *
	 *     wp relay list --state=parked
	 *
	 * @subcommand list
	 *
	 * @param string[] $args    Nothing.
	 * @param array    $options The options.
	 */
	public function list_( $args, $options ) {
		$limit  = isset( $options['limit'] ) ? max( 1, (int) $options['limit'] ) : 50;
		$format = isset( $options['format'] ) ? (string) $options['format'] : 'table';
		$rows   = array();
		foreach ( $this->query_for( $options )->page( $limit, 0 ) as $row ) {
			$about  = $this->runner->describe( $row );
			$rows[] = array(
				'id'       => (int) $row->id,
				'event_id' => $row->event_id,
				'type'     => $row->event_type,
				'about'    => $about['label'],
				'state'    => $row->state,
				'attempts' => (int) $row->attempts,
				'created'  => gmdate( 'Y-m-d\TH:i:s\Z', (int) $row->created_at ),
				'answer'   => (string) $row->last_answer,
			);
		}
		\WP_CLI\Utils\format_items( $format, 'ids' === $format ? array_column( $rows, 'id' ) : $rows, array( 'id', 'event_id', 'type', 'about', 'state', 'attempts', 'created', 'answer' ) );
	}

	/**
	 * Requeues waiting and failed events and sends for up to 20 seconds.
	 *
	 * ## OPTIONS
	 *
	 * [<id>...]
	 * : IDs from "wp relay list".
	 *
	 * [--all]
	 * : Every event that has not been sent.
	 *
	 * [--type=<type>]
	 * : With --all: only events of this type.
	 *
	 * ## EXAMPLES
	 *
	 *     wp relay retry 12 13
	 *     wp relay retry --all
	 *
	 * @param string[] $args    The ids.
	 * @param array    $options The options.
	 */
	public function retry( $args, $options ) {
		if ( ! $args && empty( $options['all'] ) ) {
			\WP_CLI::error( __( 'Specify event IDs from "wp relay list", or use --all.', 'relay-connector' ) );
			return;
		}
		$count = $args ? count( array_filter( array_map( 'absint', $args ), array( $this->outbox, 'retry' ) ) ) : $this->query_for( $options )->retry_all();
		/* translators: %d: number of events. */
		\WP_CLI::log( sprintf( _n( '%d event was queued again.', '%d events were queued again.', $count, 'relay-connector' ), $count ) );
		$this->send();
	}

	/**
	 * Deletes events that were not accepted, or all finished events.
	 *
	 * ## OPTIONS
	 *
	 * [<id>...]
	 * : IDs of waiting or failed events from "wp relay list". They will not be sent.
	 *
	 * [--finished]
	 * : Every finished event of a day that has been counted, before the retention time is over.
	 *
	 * ## EXAMPLES
	 *
	 *     wp relay purge 12
	 *     wp relay purge --finished
	 *
	 * @param string[] $args    The ids.
	 * @param array    $options The options.
	 */
	public function purge( $args, $options ) {
		if ( ! $args && empty( $options['finished'] ) ) {
			\WP_CLI::error( __( 'Specify event IDs from "wp relay list", or use --finished.', 'relay-connector' ) );
			return;
		}
		$count = $args ? count( array_filter( array_map( 'absint', $args ), array( $this->outbox, 'delete' ) ) ) : $this->outbox->purge( $this->daily_counts->close_days() );
		/* translators: %d: number of events. */
		\WP_CLI::success( sprintf( _n( '%d event was deleted.', '%d events were deleted.', $count, 'relay-connector' ), $count ) );
	}

	/**
	 * Sends due events for up to 20 seconds.
	 *
	 * ## EXAMPLES
	 *
	 *     wp relay send
	 */
	public function send() {
		if ( ! $this->settings->is_configured() ) {
			\WP_CLI::error( __( 'Nothing was sent: the gateway address or the secret is missing. Set both under Settings → Relay or in wp-config.php.', 'relay-connector' ) );
			return;
		}
		Triggers::note_run();
		Scheduler::forget_sent();
		$done = $this->runner->run();
		$this->email_alert->send_if_due();
		if ( null === $done ) {
			\WP_CLI::success( __( 'Another run is already sending. There is nothing to do.', 'relay-connector' ) );
			return;
		}
		/* translators: %d: number of events. */
		\WP_CLI::success( sprintf( _n( '%d event was processed.', '%d events were processed.', $done, 'relay-connector' ), $done ) );
	}

	/**
	 * Shows the counts of one day: recorded and sent on that day, waiting now, dropped on that day.
	 *
	 * ## OPTIONS
	 *
	 * [--day=<day>]
	 * : The UTC day, such as 2026-11-23. Default: yesterday.
	 *
	 * [--send]
	 * : Also send the daily reports that the gateway does not have yet, up to yesterday.
	 *
	 * ## EXAMPLES
	 *
	 *     wp relay report
	 *     wp relay report --day=2026-11-23
	 *     wp relay report --send
	 *
	 * @param string[] $args    Nothing.
	 * @param array    $options The options.
	 */
	public function report( $args, $options ) {
		$day = isset( $options['day'] ) ? (string) $options['day'] : gmdate( 'Y-m-d', time() - DAY_IN_SECONDS );
		$at  = strtotime( $day . ' 00:00:00 UTC' );
		if ( false === $at || gmdate( 'Y-m-d', $at ) !== $day ) {
			/* translators: %s: what was typed. */
			\WP_CLI::error( sprintf( __( '%s is not a valid day. Use the format 2026-11-23.', 'relay-connector' ), $day ) );
			return;
		}
		$rows = array();
		foreach ( $this->daily_counts->counts( $at ) as $type => $counts ) {
			$rows[] = array_merge( compact( 'day', 'type' ), $counts );
		}
		if ( $rows ) {
			\WP_CLI\Utils\format_items( 'table', $rows, array( 'day', 'type', 'fired', 'sent', 'waiting', 'dropped' ) );
		} else {
			/* translators: %s: a day. */
			\WP_CLI::log( sprintf( __( 'No events on %s, and none are waiting.', 'relay-connector' ), $day ) );
		}
		if ( ! empty( $options['send'] ) ) {
			$this->send_reports();
		}
	}

	/**
	 * Sends the missing reports and prints the result.
	 */
	private function send_reports() {
		if ( ! $this->settings->is_configured() ) {
			\WP_CLI::error( __( 'No report was sent: the gateway address or the secret is missing. Set both under Settings → Relay or in wp-config.php.', 'relay-connector' ) );
			return;
		}
		$outcome = $this->runner->run_reports();
		if ( null === $outcome ) {
			\WP_CLI::error( __( 'No report was sent: another run is already sending. Try again in a minute.', 'relay-connector' ) );
			return;
		}
		/* translators: %d: number of reports. */
		$taken = sprintf( _n( 'The gateway accepted %d report.', 'The gateway accepted %d reports.', $outcome['taken'], 'relay-connector' ), $outcome['taken'] );
		if ( '' !== $outcome['sentence'] ) {
			\WP_CLI::error( $taken . ' ' . $outcome['sentence'] );
			return;
		}
		\WP_CLI::success( $taken );
	}

	/**
	 * The query for the given options.
	 *
	 * @param array $options The options.
	 * @return Outbox_Query
	 */
	private function query_for( array $options ) {
		return new Outbox_Query( isset( $options['state'] ) ? (string) $options['state'] : '', isset( $options['type'] ) ? (string) $options['type'] : '' );
	}

	/**
	 * The value, or a dash if it is empty.
	 *
	 * @param string $value The value.
	 * @return string
	 */
	private function value_or_dash( $value ) {
		return '' === $value ? '–' : $value;
	}
}
