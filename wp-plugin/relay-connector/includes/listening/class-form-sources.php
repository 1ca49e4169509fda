<?php
/**
 * The forms that an admin has added.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Listening;

use Relay_Connector\Events\Field_Types;

defined( 'ABSPATH' ) || exit;

/**
 * One option holds the added forms, and whether the plugin listens for a new one. It is autoloaded, so that it costs no
 * query, and it exists from the installation on.
 *
 * A form has hook, args (the number of arguments), title, form_id (a Place and the value there, or null), is_slashed, and
 * fields: by number, each with place, label and kind.
 */
final class Form_Sources {

	const OPTION    = 'relay_connector_own_forms';
	const MOST      = 20;
	const LISTEN_S  = 600;
	const NO_SOURCE = array(
		'forms'     => array(),
		'listening' => array(),
	);

	/**
	 * Kinds that an admin can choose. A consent needs a box that the form plugin marks as one.
	 */
	const KINDS = array(
		Field_Types::TEXT,
		Field_Types::TEXTAREA,
		Field_Types::EMAIL,
		Field_Types::TEL,
		Field_Types::NAME,
		Field_Types::FIRST_NAME,
		Field_Types::LAST_NAME,
		Field_Types::COMPANY,
		Field_Types::CHOICE,
		Field_Types::CHOICES,
		Field_Types::NUMBER,
		Field_Types::DATE,
		Field_Types::CONSENT,
		Field_Types::URL,
	);

	/**
	 * The added forms.
	 *
	 * @return array[] By id.
	 */
	public static function all() {
		$state = self::state();
		return is_array( $state['forms'] ) ? $state['forms'] : array();
	}

	/**
	 * Adds a form.
	 *
	 * @param array $form The form.
	 * @return string Its id, '' if there are too many.
	 */
	public static function add( array $form ) {
		$state = self::state();
		if ( count( $state['forms'] ) >= self::MOST ) {
			return '';
		}
		$id = 'f' . strtolower( wp_generate_password( 7, false ) );

		$state['forms'][ $id ] = $form;
		$state['listening']    = array();
		update_option( self::OPTION, $state );
		return $id;
	}

	/**
	 * Removes a form.
	 *
	 * @param string $id Its id.
	 */
	public static function remove( $id ) {
		$state = self::state();
		unset( $state['forms'][ $id ] );
		update_option( self::OPTION, $state );
	}

	/**
	 * Starts to listen to the browser with a token. Another session ends.
	 *
	 * @param string $token The token.
	 */
	public static function listen( $token ) {
		$state              = self::state();
		$state['listening'] = array(
			'until' => time() + self::LISTEN_S,
			'token' => hash( 'sha256', $token ),
		);
		update_option( self::OPTION, $state );
	}

	/**
	 * Stops listening.
	 */
	public static function stop() {
		$state              = self::state();
		$state['listening'] = array();
		update_option( self::OPTION, $state );
	}

	/**
	 * Until when the plugin listens.
	 *
	 * @return int Unix seconds, 0 if it does not.
	 */
	public static function listens_until() {
		$state = self::state();
		$until = isset( $state['listening']['until'] ) ? (int) $state['listening']['until'] : 0;
		return $until > time() ? $until : 0;
	}

	/**
	 * Whether the plugin listens to the browser with a token.
	 *
	 * @param string $token The token.
	 * @return bool
	 */
	public static function listens_to( $token ) {
		$state = self::state();
		return self::listens_until() > 0 && isset( $state['listening']['token'] ) && hash_equals( (string) $state['listening']['token'], hash( 'sha256', $token ) );
	}

	/**
	 * The stored state.
	 *
	 * @return array[]
	 */
	private static function state() {
		$state = get_option( self::OPTION, array() );
		return ( is_array( $state ) ? $state : array() ) + self::NO_SOURCE;
	}
}
