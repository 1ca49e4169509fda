<?php
/**
 * The result of the last action.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Admin;

use Relay_Connector\Ascii;

defined( 'ABSPATH' ) || exit;

/**
 * Stores the result of a button until the next page loads, and shows it there once.
 */
final class Action_Result {

	const ICONS = array(
		'passed'  => 'yes-alt',
		'failed'  => 'dismiss',
		'warned'  => 'warning',
		'skipped' => 'minus',
	);

	/**
	 * Stores a result for the user who pressed the button.
	 *
	 * @param array $outcome With passed, title, text and optionally steps: each with state, label and text.
	 */
	public static function store( array $outcome ) {
		set_transient( self::key(), Ascii::encode( $outcome ), HOUR_IN_SECONDS );
	}

	/**
	 * Shows the result, if there is one.
	 */
	public static function render() {
		$outcome = Ascii::decode( get_transient( self::key() ) );
		if ( ! is_array( $outcome ) ) {
			return;
		}
		delete_transient( self::key() );
		?>
		<div id="relay-connector-result" class="notice inline <?php echo esc_attr( $outcome['passed'] ? 'notice-success' : 'notice-error' ); ?>" role="status">
			<p><strong><?php echo esc_html( $outcome['title'] ); ?></strong> <?php echo esc_html( $outcome['text'] ); ?></p>
			<?php if ( ! empty( $outcome['steps'] ) ) : ?>
				<ol class="relay-connector-steps">
					<?php foreach ( $outcome['steps'] as $step ) : ?>
						<li class="relay-connector-step-<?php echo esc_attr( $step['state'] ); ?>">
							<span class="dashicons dashicons-<?php echo esc_attr( self::ICONS[ $step['state'] ] ); ?>" aria-hidden="true"></span>
							<span class="screen-reader-text"><?php echo esc_html( self::state_text( $step['state'] ) ); ?></span>
							<strong><?php echo esc_html( $step['label'] ); ?></strong>
							<?php echo esc_html( $step['text'] ); ?>
						</li>
					<?php endforeach; ?>
				</ol>
			<?php endif; ?>
		</div>
		<?php
	}

	/**
	 * The meaning of an icon, for screen readers.
	 *
	 * @param string $state One of the keys of ICONS.
	 * @return string
	 */
	private static function state_text( $state ) {
		switch ( $state ) {
			case 'passed':
				return __( 'Passed:', 'relay-connector' );
			case 'failed':
				return __( 'Failed:', 'relay-connector' );
			case 'warned':
				return __( 'Warning:', 'relay-connector' );
			default:
				return __( 'Not reached:', 'relay-connector' );
		}
	}

	/**
	 * The transient's name.
	 *
	 * @return string
	 */
	private static function key() {
		return 'relay_connector_result_' . get_current_user_id();
	}
}
