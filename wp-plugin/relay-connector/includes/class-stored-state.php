<?php
/**
 * A small state that several processes change.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- A state that several processes change at once: the cache may be older than the table.

/**
 * An option that is read past the object cache, which may be older than another process's write, and is replaced only
 * if it has not changed since.
 */
final class Stored_State {

	/**
	 * The state as it was read or last written; null if there is none.
	 *
	 * @var array|null
	 */
	public $value = null;

	/**
	 * The option.
	 *
	 * @var string
	 */
	private $option;

	/**
	 * The text stored in the table.
	 *
	 * @var string
	 */
	private $text;

	/**
	 * Reads the state.
	 *
	 * @param string $option The option.
	 */
	public function __construct( $option ) {
		$this->option = $option;
		$this->read();
	}

	/**
	 * Stores a first state, if there is none.
	 *
	 * @param array $value The state.
	 */
	public function create( array $value ) {
		global $wpdb;
		if ( null === $this->value ) {
			$wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')", $this->option, wp_json_encode( $value ) ) );
			$this->read();
		}
	}

	/**
	 * Replaces the state that was read.
	 *
	 * @param array $value The new state.
	 * @return bool False if another process has changed it.
	 */
	public function replace( array $value ) {
		global $wpdb;
		$text = wp_json_encode( $value );
		if ( 1 !== $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->options} SET option_value = %s WHERE option_name = %s AND option_value = %s", $text, $this->option, $this->text ) ) ) {
			return false;
		}
		$this->text  = $text;
		$this->value = $value;
		return true;
	}

	/**
	 * Deletes the state. delete_option() would do nothing: with a persistent object cache it does not know an option
	 * that was added past the cache.
	 */
	public function delete() {
		global $wpdb;
		if ( null !== $this->value ) {
			$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name = %s", $this->option ) );
			wp_cache_delete( $this->option, 'options' );
			$this->text  = '';
			$this->value = null;
		}
	}

	/**
	 * Reads the state from the table.
	 */
	private function read() {
		global $wpdb;
		$this->text  = (string) $wpdb->get_var( $wpdb->prepare( "SELECT option_value FROM {$wpdb->options} WHERE option_name = %s", $this->option ) );
		$value       = json_decode( $this->text, true );
		$this->value = is_array( $value ) ? $value : null;
	}
}
