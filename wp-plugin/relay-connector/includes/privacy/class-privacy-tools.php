<?php
/**
 * The personal data tools.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Privacy;

use Relay_Connector\Sending\Outbox;
use Relay_Connector\Sending\Outbox_Runner;
use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Takes part in WordPress's tools to export and erase personal data. Unfinished rows hold personal data, and
 * sent ones if an admin chose to see what was sent. The gateway is asked to erase what was already sent.
 */
final class Privacy_Tools {

	const ROWS_A_PAGE = 100;
	const KEY         = 'relay-connector';

	/**
	 * The settings.
	 *
	 * @var Settings
	 */
	private $settings;

	/**
	 * The outbox.
	 *
	 * @var Outbox
	 */
	private $outbox;

	/**
	 * The runner, which knows the fields of a row.
	 *
	 * @var Outbox_Runner
	 */
	private $runner;

	/**
	 * The erasure requests.
	 *
	 * @var Erasure_Requests
	 */
	private $requests;

	/**
	 * Takes what holds personal data.
	 *
	 * @param Settings         $settings The settings.
	 * @param Outbox           $outbox   The outbox.
	 * @param Outbox_Runner    $runner   The runner.
	 * @param Erasure_Requests $requests The erasure requests.
	 */
	public function __construct( Settings $settings, Outbox $outbox, Outbox_Runner $runner, Erasure_Requests $requests ) {
		$this->settings = $settings;
		$this->outbox   = $outbox;
		$this->runner   = $runner;
		$this->requests = $requests;
	}

	/**
	 * Adds the exporter.
	 *
	 * @param array $exporters The exporters.
	 * @return array
	 */
	public function add_exporter( $exporters ) {
		$exporters[ self::KEY ] = array(
			'exporter_friendly_name' => __( 'Relay: events on this site', 'relay-connector' ),
			'callback'               => array( $this, 'export' ),
		);
		return $exporters;
	}

	/**
	 * Adds the eraser.
	 *
	 * @param array $erasers The erasers.
	 * @return array
	 */
	public function add_eraser( $erasers ) {
		$erasers[ self::KEY ] = array(
			'eraser_friendly_name' => __( 'Relay: events on this site and data on the gateway', 'relay-connector' ),
			'callback'             => array( $this, 'erase' ),
		);
		return $erasers;
	}

	/**
	 * Exports one page of the events of a person.
	 *
	 * @param string $email The person's e-mail address.
	 * @param int    $page  The page, from 1.
	 * @return array With data and done.
	 */
	public function export( $email, $page = 1 ) {
		$found = array();
		$rows  = $this->page( $page );
		foreach ( $rows as $row ) {
			$fields = $this->runner->fields( $row );
			if ( ! $this->is_about( $row, $fields, $email ) ) {
				continue;
			}
			$found[] = array(
				'group_id'    => self::KEY,
				'group_label' => __( 'Events for Relay stored on this site', 'relay-connector' ),
				'item_id'     => 'relay-event-' . $row->id,
				'data'        => $this->lines( $row, $fields ),
			);
		}
		return array(
			'data' => $found,
			'done' => count( $rows ) < self::ROWS_A_PAGE,
		);
	}

	/**
	 * Withdraws a person's unsent events on one page of the outbox, and deletes the content of sent ones. After the last page, the gateway is asked to erase the
	 * person too.
	 *
	 * @param string $email The person's e-mail address.
	 * @param int    $page  The page, from 1.
	 * @return array With items_removed, items_retained, messages and done.
	 */
	public function erase( $email, $page = 1 ) {
		$removed  = 0;
		$messages = array();
		$retained = false;
		$rows     = $this->page( $page );
		foreach ( $rows as $row ) {
			if ( Erasure_Requests::TYPE !== $row->event_type && $this->is_about( $row, $this->runner->fields( $row ), $email ) ) {
				$removed += (int) ( Outbox::SENT === $row->state
					? $this->outbox->forget( (int) $row->id )
					: $this->outbox->withdraw( (int) $row->id, __( 'Not sent, because the person\'s data was erased at their request.', 'relay-connector' ) ) );
			}
		}
		$is_done = count( $rows ) < self::ROWS_A_PAGE;
		if ( $is_done && $this->settings->collects_events() ) {
			$retained   = ! $this->requests->add( $email );
			$messages[] = $retained
				? __( 'The request to the Relay gateway could not be recorded. Erase the person\'s data in Relay manually.', 'relay-connector' )
				: __( 'The Relay gateway is asked to erase its data about this person. The list of events under Settings → Relay shows when it has accepted the request. Data that Relay has delivered to other services, such as a CRM, must be erased there.', 'relay-connector' );
		}
		return array(
			'items_removed'  => $removed > 0,
			'items_retained' => $retained,
			'messages'       => $messages,
			'done'           => $is_done,
		);
	}

	/**
	 * Suggests a text for the site's privacy policy.
	 */
	public function add_policy_text() {
		$text = '<p class="privacy-policy-tutorial">' . esc_html__( 'State who runs the Relay gateway that this site sends data to, where it is located, and which services receive the data from it.', 'relay-connector' ) . '</p>'
			. '<p class="privacy-policy-tutorial">' . esc_html__( 'Three fields of orders are sent only if you select them under Settings → Relay: the transaction ID of the payment, how the customer found the shop, and additional checkout fields. If you select them, name them in the policy.', 'relay-connector' ) . '</p>'
			. ( Settings::show_sent_hours() ? '<p class="privacy-policy-tutorial">' . esc_html__( 'Under Settings → Relay you chose to see what was sent. Say so, or choose "Off" there.', 'relay-connector' ) . '</p>' : '' )
			. '<p>' . esc_html__( 'When you leave a comment, place an order, submit a form or register, the data you enter is sent, encrypted and signed, to a gateway that is operated by us or on our behalf. Passwords and payment cards are not sent; of uploaded files, only links are. The gateway passes the data on to the services that we use to process your request. On this site the data is stored until it is sent; after that, only a reference number is kept for a limited time.', 'relay-connector' ) . '</p>';
		if ( Settings::show_sent_hours() ) {
			/* translators: %s: number of hours. */
			$text .= '<p>' . esc_html( sprintf( _n( 'The data that was sent stays on this site for %s hour, so that we can check the transfer.', 'The data that was sent stays on this site for %s hours, so that we can check the transfer.', Settings::show_sent_hours(), 'relay-connector' ), number_format_i18n( Settings::show_sent_hours() ) ) ) . '</p>';
		}
		wp_add_privacy_policy_content( 'Relay Connector', wp_kses_post( $text ) );
	}

	/**
	 * One page of the rows with content. Withdrawn rows leave the list, so the pages continue from the last row id, stored in
	 * a transient.
	 *
	 * @param int $page The page, from 1.
	 * @return object[]
	 */
	private function page( $page ) {
		$key   = 'relay_connector_privacy_' . get_current_user_id();
		$after = $page > 1 ? (int) get_transient( $key ) : 0;
		$rows  = $this->outbox->with_content( $after, self::ROWS_A_PAGE );
		set_transient( $key, $rows ? (int) end( $rows )->id : $after, HOUR_IN_SECONDS );
		return $rows;
	}

	/**
	 * Whether a row is about a person: the fields contain the address, or the object belongs to the person.
	 *
	 * @param object $row    The row.
	 * @param array  $fields Its fields.
	 * @param string $email  The person's e-mail address.
	 * @return bool
	 */
	private function is_about( $row, array $fields, $email ) {
		return self::mentions( $fields, $email ) || ( '' !== $email && 0 === strcasecmp( trim( $this->runner->email( $row ) ), $email ) );
	}

	/**
	 * Whether the fields contain a person's e-mail address.
	 *
	 * @param array  $fields The fields.
	 * @param string $email  The address.
	 * @return bool
	 */
	private static function mentions( array $fields, $email ) {
		$found = false;
		array_walk_recursive(
			$fields,
			static function ( $value ) use ( $email, &$found ) {
				$found = $found || ( is_string( $value ) && false !== stripos( $value, $email ) );
			}
		);
		return '' !== $email && $found;
	}

	/**
	 * The exported fields of a row.
	 *
	 * @param object $row    The row.
	 * @param array  $fields Its fields.
	 * @return array[] Each with name and value.
	 */
	private function lines( $row, array $fields ) {
		$lines = array(
			array(
				'name'  => __( 'Event', 'relay-connector' ),
				'value' => $row->event_type,
			),
			array(
				'name'  => __( 'Recorded', 'relay-connector' ),
				'value' => wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), (int) $row->created_at ),
			),
		);
		foreach ( $fields as $name => $value ) {
			$lines[] = array(
				'name'  => $name,
				'value' => is_scalar( $value ) ? (string) $value : (string) wp_json_encode( $value, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES ),
			);
		}
		return $lines;
	}
}
