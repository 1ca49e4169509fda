<?php
/**
 * Form fields with a name that asks for a secret.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

use Relay_Connector\Ascii;

defined( 'ABSPATH' ) || exit;

/**
 * A text field has no type that says "password" or "card number", but its name may. Such a field is not sent until an
 * admin selects it. What was left out so far is stored, so that every admin sees it.
 */
final class Sensitive_Fields {

	const OPTION = 'relay_connector_sensitive_fields';

	/**
	 * The kinds of fields that people type into.
	 */
	const TYPED = array( Field_Types::TEXT, Field_Types::TEXTAREA, Field_Types::NUMBER, Field_Types::TEL );

	const MOST_FORMS  = 20;
	const MOST_FIELDS = 5;

	/**
	 * Whether a field's name asks for a secret.
	 *
	 * @param Form_Field $field The field.
	 * @return bool
	 */
	public static function is_sensitive( Form_Field $field ) {
		if ( ! in_array( $field->kind, self::TYPED, true ) ) {
			return false;
		}
		return Secret_Names::matches( $field->label ) || Secret_Names::matches( $field->key );
	}

	/**
	 * Stores that a field of an entry was left out. Stores nothing if that is known, so most entries cost no query.
	 *
	 * @param string $form  The form, as "plugin:id".
	 * @param string $label The field's label.
	 */
	public static function record( $form, $label ) {
		$all    = self::all();
		$labels = isset( $all[ $form ] ) ? $all[ $form ] : array();
		if ( in_array( $label, $labels, true ) || count( $labels ) >= self::MOST_FIELDS || ( ! $labels && count( $all ) >= self::MOST_FORMS ) ) {
			return;
		}
		$all[ $form ][] = $label;
		update_option( self::OPTION, Ascii::encode( $all ) );
	}

	/**
	 * The fields that were left out since an admin last saved the fields of the form.
	 *
	 * @return array[] By form: the labels.
	 */
	public static function all() {
		$all = Ascii::decode( get_option( self::OPTION, '' ) );
		return is_array( $all ) ? $all : array();
	}

	/**
	 * Deletes what is stored about a form, because an admin has chosen its fields.
	 *
	 * @param string $form The form.
	 */
	public static function forget( $form ) {
		$all = self::all();
		if ( isset( $all[ $form ] ) ) {
			unset( $all[ $form ] );
			update_option( self::OPTION, $all ? Ascii::encode( $all ) : '' );
		}
	}
}
