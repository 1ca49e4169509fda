<?php
/**
 * What was sent with one event.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Settings;

defined( 'ABSPATH' ) || exit;

/**
 * Shows the content of a sent event, for the hours that the admin chose.
 */
final class Event_Content {

	const DEEPEST = 6;

	/**
	 * Prints the content of a row.
	 *
	 * @param object|null $row The row, with its body.
	 */
	public static function render( $row ) {
		$hours = Settings::show_sent_hours();
		$body  = $row && $hours ? json_decode( (string) $row->body, true ) : null;
		?>
		<p><a href="<?php echo esc_url( Events_Page::url() ); ?>">&larr; <?php esc_html_e( 'Back to the list of events', 'relay-connector' ); ?></a></p>
		<?php if ( ! is_array( $body ) ) : ?>
			<p><?php esc_html_e( 'The content of this event is no longer stored on this site.', 'relay-connector' ); ?></p>
			<?php
			return;
		endif;
		$until = wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), (int) $row->finished_at + HOUR_IN_SECONDS * $hours );
		?>
		<h2><?php echo esc_html( $row->event_type ); ?></h2>
		<p class="description">
			<?php
			/* translators: %s: date and time. */
			echo esc_html( sprintf( __( 'This is what the gateway received. It stays on this site until %s.', 'relay-connector' ), $until ) );
			?>
		</p>
		<table class="widefat striped relay-connector-content">
			<caption class="screen-reader-text"><?php esc_html_e( 'What was sent', 'relay-connector' ); ?></caption>
			<tbody>
				<?php foreach ( self::lines( $body, '', 0 ) as $line ) : ?>
					<tr>
						<th scope="row"><?php echo esc_html( $line[0] ); ?></th>
						<td><?php echo esc_html( $line[1] ); ?></td>
					</tr>
				<?php endforeach; ?>
			</tbody>
		</table>
		<details class="relay-connector-more">
			<summary><?php esc_html_e( 'As JSON', 'relay-connector' ); ?></summary>
			<pre class="relay-connector-json"><?php echo esc_html( (string) wp_json_encode( $body, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE ) ); ?></pre>
		</details>
		<?php
	}

	/**
	 * The values as lines.
	 *
	 * @param array  $values The values.
	 * @param string $prefix The names of the values that contain them.
	 * @param int    $depth  How many these are.
	 * @return array[] Each with name and value.
	 */
	private static function lines( array $values, $prefix, $depth ) {
		$lines = array();
		foreach ( $values as $name => $value ) {
			// "data" contains everything that is particular to the event.
			$label = 0 === $depth && 'data' === $name ? '' : $prefix . ( is_int( $name ) ? $name + 1 : $name );
			if ( is_array( $value ) && $value && $depth < self::DEEPEST ) {
				$lines = array_merge( $lines, self::lines( $value, '' === $label ? '' : $label . ' › ', $depth + 1 ) );
			} else {
				$lines[] = array( $label, self::text( $value ) );
			}
		}
		return $lines;
	}

	/**
	 * One value as text.
	 *
	 * @param mixed $value The value.
	 * @return string
	 */
	private static function text( $value ) {
		if ( is_bool( $value ) ) {
			return $value ? __( 'yes', 'relay-connector' ) : __( 'no', 'relay-connector' );
		}
		if ( null === $value || array() === $value ) {
			return '–';
		}
		return is_scalar( $value ) ? (string) $value : (string) wp_json_encode( $value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE );
	}
}
