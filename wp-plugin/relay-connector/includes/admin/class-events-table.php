<?php
/**
 * The table of events.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Sending\Outbox;
use Relay_Connector\Sending\Outbox_Query;
use Relay_Connector\Sending\Outbox_Runner;

defined( 'ABSPATH' ) || exit;

if ( ! class_exists( '\WP_List_Table' ) ) {
	require_once ABSPATH . 'wp-admin/includes/class-wp-list-table.php';
}

/**
 * Shows what the event is about, its state, attempts, the gateway's last response and the available actions. Names are
 * masked.
 */
final class Events_Table extends \WP_List_Table {

	/**
	 * The query.
	 *
	 * @var Outbox_Query
	 */
	private $query;

	/**
	 * The runner, which describes events.
	 *
	 * @var Outbox_Runner
	 */
	private $runner;

	/**
	 * Takes what it shows.
	 *
	 * @param Outbox_Query  $query  The query.
	 * @param Outbox_Runner $runner The runner.
	 */
	public function __construct( Outbox_Query $query, Outbox_Runner $runner ) {
		parent::__construct(
			array(
				'singular' => 'relay-event',
				'plural'   => 'relay-events',
				'ajax'     => false,
				'screen'   => get_current_screen(),
			)
		);
		$this->query  = $query;
		$this->runner = $runner;
	}

	/**
	 * Loads one page of rows.
	 */
	public function prepare_items() {
		$size        = $this->get_items_per_page( Events_Page::PER_PAGE, Events_Page::USUAL_SIZE );
		$this->items = $this->query->page( $size, $size * ( $this->get_pagenum() - 1 ) );
		$this->set_pagination_args(
			array(
				'total_items' => $this->query->count(),
				'per_page'    => $size,
			)
		);
	}

	/**
	 * The columns.
	 *
	 * @return string[]
	 */
	public function get_columns() {
		return self::columns();
	}

	/**
	 * The columns, also used by the screen options.
	 *
	 * @return string[]
	 */
	public static function columns() {
		return array(
			'cb'       => '<input type="checkbox">',
			'event'    => __( 'Event', 'relay-connector' ),
			'state'    => __( 'State', 'relay-connector' ),
			'attempts' => __( 'Attempts', 'relay-connector' ),
			'answer'   => __( 'Last response', 'relay-connector' ),
			'created'  => __( 'Recorded', 'relay-connector' ),
		);
	}

	/**
	 * The bulk actions.
	 *
	 * @return string[]
	 */
	protected function get_bulk_actions() {
		return array(
			'send'   => __( 'Send again', 'relay-connector' ),
			'delete' => __( 'Delete', 'relay-connector' ),
		);
	}

	/**
	 * The filters by state above the table, each with its count.
	 *
	 * @return string[]
	 */
	protected function get_views() {
		$views = array();
		foreach ( Outbox_Query::counts() as $state => $count ) {
			$label           = '' === $state ? __( 'All', 'relay-connector' ) : self::state_name( $state );
			$url             = '' === $state ? Events_Page::url() : add_query_arg( 'state', $state, Events_Page::url() );
			$current         = $this->query->state === $state ? ' class="current" aria-current="page"' : '';
			$views[ $state ] = '<a href="' . esc_url( $url ) . '"' . $current . '>' . esc_html( $label ) . ' <span class="count">(' . esc_html( number_format_i18n( $count ) ) . ')</span></a>';
		}
		return $views;
	}

	/**
	 * Prints the button for all matching events above the table.
	 *
	 * @param string $which Either top or bottom.
	 */
	protected function extra_tablenav( $which ) {
		$count = 'top' === $which ? $this->query->count_unfinished() : 0;
		if ( $count ) {
			?>
			<div class="alignleft actions">
				<button type="submit" class="button" name="relay_connector_all" value="1">
					<?php
					/* translators: %s: number of events. */
					echo esc_html( sprintf( _n( 'Send the %s unsent event in this list', 'Send all %s unsent events in this list', $count, 'relay-connector' ), number_format_i18n( $count ) ) );
					?>
				</button>
			</div>
			<?php
		}
	}

	/**
	 * Prints the message for an empty table.
	 */
	public function no_items() {
		if ( '' !== $this->query->state . $this->query->type . $this->query->word ) {
			esc_html_e( 'No matching events. Choose another state or type, or search for something else.', 'relay-connector' );
			return;
		}
		esc_html_e( 'No events yet. The next recorded event appears here.', 'relay-connector' );
	}

	/**
	 * The checkbox. Only unfinished events can be sent or deleted.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	protected function column_cb( $row ) {
		if ( ! self::is_unfinished( $row ) ) {
			return '';
		}
		/* translators: %s: an event id. */
		$label = sprintf( __( 'Select event %s', 'relay-connector' ), $row->event_id );
		return '<label class="screen-reader-text" for="relay-row-' . esc_attr( $row->id ) . '">' . esc_html( $label ) . '</label><input type="checkbox" name="rows[]" id="relay-row-' . esc_attr( $row->id ) . '" value="' . esc_attr( $row->id ) . '">';
	}

	/**
	 * What the event is about.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	protected function column_event( $row ) {
		$about = $this->runner->describe( $row );
		$label = '' === $about['url'] ? esc_html( $about['label'] ) : '<a href="' . esc_url( $about['url'] ) . '">' . esc_html( $about['label'] ) . '</a>';
		return '<strong>' . $label . '</strong><div class="relay-connector-small">' . esc_html( $row->event_type ) . ' <code>' . esc_html( $row->event_id ) . '</code></div><div class="relay-connector-narrow">' . $this->column_state( $row ) . '</div>' . $this->buttons( $row );
	}

	/**
	 * The state, and when the event is tried again.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	protected function column_state( $row ) {
		$busy = Outbox::WAITING === $row->state && (int) $row->claimed_until > time();
		$html = '<span class="relay-connector-state relay-connector-' . esc_attr( $row->state ) . '">' . esc_html( $busy ? __( 'Sending', 'relay-connector' ) : self::state_name( $row->state ) ) . '</span>';
		if ( Outbox::WAITING === $row->state && (int) $row->due_at > time() ) {
			/* translators: %s: a length of time. */
			$html .= '<div class="relay-connector-small">' . esc_html( sprintf( __( 'next attempt in %s', 'relay-connector' ), human_time_diff( (int) $row->due_at ) ) ) . '</div>';
		} elseif ( ! $busy && $row->waits_for ) {
			$html .= '<div class="relay-connector-small">' . esc_html__( 'after an earlier event of the same object', 'relay-connector' ) . '</div>';
		}
		return $html;
	}

	/**
	 * The other columns.
	 *
	 * @param object $row    The row.
	 * @param string $column The column.
	 * @return string
	 */
	protected function column_default( $row, $column ) {
		switch ( $column ) {
			case 'attempts':
				return esc_html( number_format_i18n( (int) $row->attempts ) );
			case 'answer':
				return esc_html( '' === (string) $row->last_answer ? __( 'Not attempted yet.', 'relay-connector' ) : $row->last_answer );
			default:
				return esc_html( wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), (int) $row->created_at ) );
		}
	}

	/**
	 * The column that stays visible on a narrow screen.
	 *
	 * @return string
	 */
	protected function get_primary_column_name() {
		return 'event';
	}

	/**
	 * The buttons of one row, or the link to its content. They are buttons because a link that sends or deletes could be followed by a crawler.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	private function buttons( $row ) {
		if ( $row->has_content && Outbox::SENT === $row->state ) {
			return '<div class="relay-connector-buttons"><a href="' . esc_url( Events_Page::content_url( $row->id ) ) . '">' . esc_html__( 'Show what was sent', 'relay-connector' ) . '</a></div>';
		}
		if ( ! self::is_unfinished( $row ) ) {
			return '';
		}
		$send = Outbox::PARKED === $row->state ? __( 'Try again', 'relay-connector' ) : __( 'Send now', 'relay-connector' );
		return '<div class="relay-connector-buttons"><button type="submit" class="button button-small" name="relay_connector_send" value="' . esc_attr( $row->id ) . '">' . esc_html( $send ) . '</button> <button type="submit" class="button-link button-link-delete" name="relay_connector_delete" value="' . esc_attr( $row->id ) . '">' . esc_html__( 'Delete', 'relay-connector' ) . '</button></div>';
	}

	/**
	 * Whether a row can be sent or deleted.
	 *
	 * @param object $row The row.
	 * @return bool
	 */
	private static function is_unfinished( $row ) {
		return in_array( $row->state, array( Outbox::WAITING, Outbox::PARKED ), true ) && (int) $row->claimed_until <= time();
	}

	/**
	 * The display name of a state.
	 *
	 * @param string $state The state.
	 * @return string
	 */
	public static function state_name( $state ) {
		switch ( $state ) {
			case Outbox::SENT:
				return __( 'Sent', 'relay-connector' );
			case Outbox::PARKED:
				return __( 'Failed', 'relay-connector' );
			case Outbox::WITHDRAWN:
				return __( 'Withdrawn', 'relay-connector' );
		}
		return __( 'Waiting', 'relay-connector' );
	}
}
