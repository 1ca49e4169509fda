<?php
/**
 * What all places that events come from have in common.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Sending\Outbox;
use Relay_Connector\Settings;
use Relay_Connector\Status\Lost_Events;

defined( 'ABSPATH' ) || exit;

/**
 * A source that an admin can switch off, and whose hooks never break what they listen to.
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
	 * The short name by which the source is kept in the choices.
	 *
	 * @return string
	 */
	abstract public function slug();

	/**
	 * The name for the settings page.
	 *
	 * @return string
	 */
	abstract public function label();

	/**
	 * What is sent and when, for the settings page.
	 *
	 * @return string
	 */
	abstract public function help();

	/**
	 * Whether there is anything on this site to listen to.
	 *
	 * @return bool
	 */
	public function is_available() {
		return true;
	}

	/**
	 * The plugins that are not there and that it could listen to.
	 *
	 * @return string[] Their names.
	 */
	public function missing() {
		return array();
	}

	/**
	 * What an admin may leave out of the events.
	 *
	 * @return string[] Labels by the field's short name.
	 */
	public function optional_fields() {
		return array();
	}

	/**
	 * Settings of the source's own.
	 *
	 * @return string[] Labels by the option's name.
	 */
	public function own_options() {
		return array();
	}

	/**
	 * Asks whether the source is still switched on.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn When it is not.
	 */
	public function check( $row ) {
		if ( ! $this->choices->is_enabled( $this->slug() ) ) {
			throw new Event_Withdrawn( esc_html__( 'Events of this kind were switched off under Settings, Relay before it could be sent, so it was not sent.', 'relay-connector' ) );
		}
	}

	/**
	 * Nothing is to be remembered where an object can give only one event.
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
	 * Does what a hook asks for, if events are wanted at all. Whatever goes wrong in it, the comment, the order or the
	 * form that it listens to is not touched.
	 *
	 * @param callable $callback What to do.
	 */
	protected function run_safely( callable $callback ) {
		try {
			// An import brings years of old objects: they are not new ones.
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
	 * A number that a hook was given; PHP itself would take any list for 1.
	 *
	 * @param mixed $value What was given.
	 * @return int 0 for what is no number.
	 */
	protected static function number( $value ) {
		return is_numeric( $value ) ? (int) $value : 0;
	}
}
