<?php
/**
 * The base class of event sources.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Sending\Outbox;
use Relay_Connector\Settings;
use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

/**
 * An event source that an admin can switch off. Errors in its hooks never reach the code that fired them.
 */
abstract class Base_Source implements Event_Source {

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
	 * A number from a hook's argument. A plain cast would turn any non-empty array into 1.
	 *
	 * @param mixed $value The argument.
	 * @return int 0 if it is not a number.
	 */
	protected static function number( $value ) {
		return is_numeric( $value ) ? (int) $value : 0;
	}
}
